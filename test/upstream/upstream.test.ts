import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, test } from "vitest";
import { LivellmError } from "../../src/core/error.ts";
import { Secret } from "../../src/core/secret.ts";
import type { UpstreamRequest } from "../../src/core/upstream.ts";
import { inBatches } from "../../src/streams/batches.ts";
import { readServerSentEvents } from "../../src/upstream/server-sent-events.ts";
import { createUpstream } from "../../src/upstream/upstream.ts";

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function vendor(answer: (req: IncomingMessage, res: ServerResponse) => void): Promise<string> {
  const server = createServer(answer).listen(0, "127.0.0.1");
  servers.push(server);
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const upstream = createUpstream({ connectTimeoutMs: 500, secrets: [new Secret("sekret-1234")] });
const never = new AbortController().signal;
const request = (url: string): UpstreamRequest => ({
  url,
  body: "{}",
  headers: { "content-type": "application/json" },
  explain: (body) => ({ message: body }),
});

async function failureOf(work: Promise<unknown>): Promise<LivellmError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(LivellmError);
  return error as LivellmError;
}

async function drain<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

describe("statuses", () => {
  test.each([
    [400, "invalid_argument", "provider_rejected"],
    [401, "failed_precondition", "provider_auth"],
    [403, "failed_precondition", "provider_auth"],
    [404, "not_found", "model_not_found"],
    [408, "unavailable", "provider_unavailable"],
    [413, "invalid_argument", "context_too_long"],
    [422, "invalid_argument", "provider_rejected"],
    [429, "resource_exhausted", "rate_limited"],
    [500, "unavailable", "provider_unavailable"],
    [529, "unavailable", "provider_unavailable"],
    [302, "internal", "bad_provider_response"],
  ] as const)("%i is %s / %s", async (status, code, reason) => {
    const url = await vendor((_, res) => void res.writeHead(status, { "retry-after": "2" }).end("no"));
    const error = await failureOf(upstream.json(request(url), never));
    expect(error).toMatchObject({ code, reason, facts: { httpStatus: status, retryAfterMs: 2_000 } });
  });

  test.each([
    [401, "quota_exhausted", "resource_exhausted"],
    [400, "quota_exhausted", "resource_exhausted"],
    [403, "content_blocked", "invalid_argument"],
    [400, "provider_auth", "failed_precondition"],
    [404, "not_found", "not_found"],
    [404, "provider_rejected", "not_found"],
    [500, "context_too_long", "invalid_argument"],
    [503, "bad_provider_response", "unavailable"],
  ] as const)("%i whose body says %s is %s", async (status, reason, code) => {
    const url = await vendor((_, res) => void res.writeHead(status).end("no"));
    const explain = () => ({ message: "no", reason });
    expect(await failureOf(upstream.json({ ...request(url), explain }, never))).toMatchObject({ code, reason });
  });

  test("what the vendor repeats of a key is taken out", async () => {
    const url = await vendor((_, res) => void res.writeHead(401).end("bad key sekret-1234 or sk-abcdefgh1234"));
    const error = await failureOf(upstream.json(request(url), never));
    expect(error.message).toContain("bad key [secret] or [secret]");
  });
});

describe("connections", () => {
  test("refused", async () => {
    const error = await failureOf(upstream.json(request("http://127.0.0.1:1/x"), never));
    expect(error).toMatchObject({ code: "unavailable", reason: "network" });
    expect(error.message).toBe("could not reach 127.0.0.1:1: connection refused");
  });

  test("reset before the head", async () => {
    const url = await vendor((req) => req.socket.resetAndDestroy());
    expect(await failureOf(upstream.json(request(url), never))).toMatchObject({ reason: "network" });
  });

  test("a body cut short is a broken stream", async () => {
    const url = await vendor((req, res) => {
      res.writeHead(200, { "content-length": "100" });
      res.write("data: 1\n\n", () => req.socket.destroy());
    });
    const { events } = await upstream.events(request(url), never);
    expect(await failureOf(drain(events))).toMatchObject({ code: "unavailable", reason: "stream_broken" });
  });

  test.each([
    ["a page", 200, "<html>", /answered 200 with a body that is not JSON; is the base URL right\?$/],
    ["nothing", 204, "", /answered 204 with an empty body$/],
  ])("a body that is %s where JSON is wanted", async (_, status, body, words) => {
    const url = await vendor((_, res) => void res.writeHead(status).end(body));
    expect(await failureOf(upstream.json(request(url), never))).toMatchObject({
      reason: "bad_provider_response",
      message: expect.stringMatching(words),
    });
  });

  test("an answer that is no stream of events, where one is wanted, says what it is, and what it explains", async () => {
    const explain = () =>
      ({ message: "no credit for sekret-1234", reason: "quota_exhausted", providerCode: "q" }) as const;
    const json = await vendor((_, res) => void res.writeHead(200, { "content-type": "application/json" }).end("{}"));
    const one = await upstream.events({ ...request(json), explain }, never);
    const failure = await failureOf(drain(one.events));
    expect(failure).toMatchObject({ code: "resource_exhausted", reason: "quota_exhausted" });
    expect(failure.message).toMatch(/answered 200 with application\/json, and not .*: no credit for \[secret\]$/);
    const page = await vendor((_, res) => void res.writeHead(200, { "content-type": "text/html" }).end("Sign in\n"));
    const other = await failureOf(drain((await upstream.events(request(page), never)).events));
    expect(other).toMatchObject({ code: "internal", reason: "bad_provider_response" });
    expect(other.message).toMatch(/answered 200 with text\/html, and not .*; is the base URL right\?$/);
  });

  test("events are read whatever the answer says it is", async () => {
    const url = await vendor((_, res) => void res.writeHead(200, { "content-type": "text/plain" }).end("data: 1\n\n"));
    const { events } = await upstream.events(request(url), never);
    expect(await drain(events)).toMatchObject([{ data: "1" }]);
  });

  test("a redirect, and a 404 that explains nothing, say what to look at", async () => {
    const moved = await vendor((_, res) => void res.writeHead(308, { location: "https://example.com" }).end());
    expect((await failureOf(upstream.json(request(moved), never))).message).toMatch(/answered 308: redirects are not/);
    const lost = await vendor((_, res) => void res.writeHead(404).end("404 page not found"));
    expect((await failureOf(upstream.json(request(lost), never))).message).toMatch(
      /not found; is the base URL right\?$/,
    );
  });

  test.each(["before the head", "in the body"])("abort %s closes the vendor's socket", async (phase) => {
    const closed = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    const url = await vendor((req, res) => {
      req.socket.once("close", () => closed.resolve());
      if (phase === "in the body") res.write("data: 1\n\n");
      reached.resolve();
    });
    const controller = new AbortController();
    const reason = new LivellmError("canceled", "cancelled", "left");
    const work = upstream.events(request(url), controller.signal).then(({ events }) => drain(events));
    await reached.promise;
    controller.abort(reason);
    expect(await failureOf(work)).toBe(reason);
    await closed.promise;
  });

  test("a reader that does not read stops the vendor", async () => {
    let written = 0;
    const blocked = Promise.withResolvers<void>();
    const url = await vendor((_, res) => {
      const more = () => {
        while (res.write("x".repeat(65_536))) written += 65_536;
        blocked.resolve();
      };
      res.on("drain", more);
      more();
    });
    const controller = new AbortController();
    const { bytes } = await upstream.bytes(request(url), controller.signal);
    const iterator = bytes[Symbol.asyncIterator]();
    await iterator.next();
    await blocked.promise;
    await new Promise((resolve) => setTimeout(resolve, 100)); // time in which an unbounded reader would have gone on
    const before = written;
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(written).toBe(before);
    controller.abort(new Error("enough"));
    await iterator.next().catch(() => undefined);
  });

  test("gzip is read though not asked for; cut short it is a broken stream", async () => {
    const body = gzipSync("data: 1\n\n".repeat(1000));
    let part = body;
    const url = await vendor((_, res) => void res.writeHead(200, { "content-encoding": "gzip" }).end(part));
    const whole = await upstream.events(request(url), never);
    expect(await drain(whole.events)).toHaveLength(1000);
    part = body.subarray(0, body.length - 12);
    const cut = await upstream.events(request(url), never);
    expect(await failureOf(drain(cut.events))).toMatchObject({ reason: "stream_broken" });
  });
});

describe("server-sent events", () => {
  const wire =
    '\uFEFFevent: delta\r\ndata: {"text":"Grüße 👋"}\r\n\r\n: ping\n\ndata: a\ndata: b\n\nevent: end\rdata: [DONE]\r\rdata: {"last":true}';
  const expected = [
    { event: "delta", data: '{"text":"Grüße 👋"}' },
    { event: "message", data: "a\nb" },
    { event: "end", data: "[DONE]" },
    { event: "message", data: '{"last":true}' },
  ];

  async function* pieces(bytes: Uint8Array, at: number) {
    yield bytes.subarray(0, at);
    yield bytes.subarray(at);
  }

  test("cut at every byte: CRLF, CR, BOM, comments, code points, no last newline", async () => {
    const bytes = Buffer.from(wire);
    for (let at = 0; at <= bytes.length; at++) {
      expect(await drain(readServerSentEvents(pieces(bytes, at))), `cut at ${at}`).toEqual(expected);
    }
  });

  test("a piece of an event at the end is not an event", async () => {
    const bytes = Buffer.from('data: {"a":1}\n\ndata: {"b":');
    expect(await drain(readServerSentEvents(pieces(bytes, 3)))).toEqual([{ event: "message", data: '{"a":1}' }]);
  });

  test("one line of 2 MB in small pieces", async () => {
    const data = JSON.stringify({ image: "A".repeat(2_000_000) });
    const bytes = Buffer.from(`data: ${data}\n\n`);
    async function* small() {
      for (let at = 0; at < bytes.length; at += 1_000) yield bytes.subarray(at, at + 1_000);
    }
    expect((await drain(readServerSentEvents(small())))[0]?.data).toBe(data);
  });

  test("an event without an end is refused, not kept", async () => {
    async function* endless() {
      const chunk = Buffer.from("data: ".concat("x".repeat(1024 * 1024)));
      for (;;) yield chunk;
    }
    expect(await failureOf(drain(readServerSentEvents(endless())))).toMatchObject({ reason: "bad_provider_response" });
  });
});

test("events that came together are read together", async () => {
  const url = await vendor((_, res) => void res.end("data: 1\n\n".repeat(200)));
  const { events } = await upstream.events(request(url), never);
  const batches = await drain(inBatches(events));
  expect(batches.flat()).toHaveLength(200);
  expect(batches.length).toBeLessThan(20);
});

test("a body that goes on after the reader has left is cut", async () => {
  const closed = Promise.withResolvers<void>();
  const url = await vendor((req, res) => {
    req.socket.once("close", () => closed.resolve());
    const pour = () => {
      while (res.write(`data: ${"x".repeat(8_192)}\n\n`));
    };
    res.on("drain", pour);
    pour();
  });
  const { events } = await upstream.events(request(url), never);
  for await (const _ of events) break;
  await closed.promise;
});

test("a slow reader gets all of a long body", async () => {
  const sent = Buffer.alloc(3_000_000, "livellm ");
  const url = await vendor((_, res) => void res.end(sent));
  const { bytes } = await upstream.bytes(request(url), never);
  const received: Uint8Array[] = [];
  for await (const chunk of bytes) {
    received.push(chunk);
    await new Promise((resolve) => setImmediate(resolve)); // the vendor sends more meanwhile than is kept
  }
  expect(Buffer.concat(received).equals(sent)).toBe(true);
});

test("a stream that is read to its terminal event leaves its connection for the next", async () => {
  const sockets = new Set<unknown>();
  const url = await vendor((req, res) => {
    sockets.add(req.socket);
    res.write("data: 1\n\n");
    setImmediate(() => res.end("data: [DONE]\n\n"));
  });
  for (let i = 0; i < 10; i++) {
    const { events } = await upstream.events(request(url), never);
    for await (const _ of events) break; // an adapter stops at the terminal event
    await new Promise((resolve) => setTimeout(resolve, 5)); // the vendor ends its body meanwhile
  }
  expect(sockets.size).toBeLessThan(10);
});

test("leaving while it connects closes the socket, whose TLS handshake the vendor never answers", async () => {
  const accepted = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  const silent = createTcpServer((socket) => {
    socket.on("close", () => closed.resolve()).on("error", () => undefined);
    socket.resume();
    accepted.resolve();
  }).listen(0, "127.0.0.1");
  await once(silent, "listening");
  const patient = createUpstream({ connectTimeoutMs: 60_000, secrets: [] });
  const controller = new AbortController();
  const url = `https://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const work = patient.json(request(url), controller.signal).catch((error: unknown) => error);
  await accepted.promise;
  controller.abort(new LivellmError("canceled", "cancelled", "left"));
  expect(await work).toMatchObject({ code: "canceled" });
  await closed.promise;
  silent.close();
  await patient.close();
});
