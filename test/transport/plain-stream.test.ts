import http from "node:http";
import http2 from "node:http2";
import { createParser } from "eventsource-parser";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { LivellmError } from "../../src/core/error.ts";
import { post, requestOf, runStreamPath, startTestServer, type TestServer, until } from "./test-server.ts";

let server: TestServer;
/** What the service saw of the last call. */
let seen: { signal?: AbortSignal; yielded: number; ended: boolean };

beforeEach(() => {
  seen = { yielded: 0, ended: false };
});

beforeAll(async () => {
  server = await startTestServer({
    agent: {
      async *runStream(request, { signal }) {
        seen.signal = signal;
        const text = request.messages[0]?.text ?? "";
        const delta = (word: string) => ({ event: { case: "textDelta" as const, value: { text: word } } });
        try {
          if (text === "fail first") throw new LivellmError("unavailable", "network", "refused");
          if (text === "wait first") await forever(signal);
          if (text === "nothing") return;
          if (text === "flood") {
            for (; !signal.aborted; seen.yielded++) yield delta("x".repeat(10_000));
            return;
          }
          for (const word of text.split(" ")) {
            yield delta(word);
            seen.yielded++;
          }
          if (text.endsWith("fail")) throw new LivellmError("unavailable", "stream_broken", "cut off");
          if (text.endsWith("bug")) throw new TypeError("secret");
          if (text.endsWith("wait")) await forever(signal);
          if (text.endsWith("quiet")) await until(() => signal.aborted);
        } finally {
          seen.ended = true;
        }
      },
    },
  });
});
afterAll(() => server.close(0));

function forever(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("anything"))));
}

const sse = { accept: "text/event-stream" };
const call = (text: string, headers: Record<string, string> = {}, signal?: AbortSignal) =>
  post(server.url + runStreamPath, requestOf(text), headers, signal);

/** The lines of JSON, or the data of events, parsed; the name of an event beside it. */
async function records(response: Response): Promise<unknown[]> {
  const body = await response.text();
  if (!response.headers.get("content-type")?.startsWith("text/event-stream")) {
    return body
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
  }
  const events: unknown[] = [];
  const parser = createParser({
    onEvent: ({ event, data }) => events.push(event ? { event, ...JSON.parse(data) } : JSON.parse(data)),
  });
  parser.feed(body);
  return events;
}

const delta = (text: string) => ({ textDelta: { text } });

describe.each([
  ["NDJSON", {}, "application/x-ndjson", {}],
  ["SSE", sse, "text/event-stream", { event: "status" }],
] as const)("a stream as %s", (_, headers, contentType, mark) => {
  test("is its messages, then the status", async () => {
    const response = await call("one two", headers);
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe(contentType);
    expect(response.headers.get("x-request-id")).toMatch(/./);
    expect(await records(response)).toEqual([delta("one"), delta("two"), { ...mark, status: { code: "ok" } }]);
  });

  test("without messages is its status alone", async () => {
    expect(await records(await call("nothing", headers))).toEqual([{ ...mark, status: { code: "ok" } }]);
  });

  test("that fails before its first message is an HTTP status with the error object", async () => {
    const response = await call("fail first", headers);
    expect(response.status).toBe(503);
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(await response.json()).toMatchObject({
      code: "unavailable",
      details: [{ debug: { reason: "REASON_NETWORK" } }],
    });
  });

  test("that fails later ends with the status record", async () => {
    const response = await call("one fail", { ...headers, "x-request-id": "late" });
    expect(response.status).toBe(200);
    const [, , last, ...more] = await records(response);
    expect(more).toEqual([]);
    expect(last).toMatchObject({
      ...mark,
      status: {
        code: "unavailable",
        message: "cut off",
        details: [{ type: "livellm.v1.ErrorDetail", debug: { reason: "REASON_STREAM_BROKEN", requestId: "late" } }],
      },
    });
  });

  test("that fails for reasons nobody foresaw says nothing of them", async () => {
    const body = await (await call("one bug", headers)).text();
    expect(body).toContain("internal error");
    expect(body).not.toContain("secret");
  });

  test("ends at its deadline, before and after the first message, even when the service only stops", async () => {
    const first = await call("wait first", { ...headers, "x-timeout-ms": "30" });
    expect(first.status).toBe(504);
    for (const text of ["one wait", "one quiet"]) {
      const later = await records(await call(text, { ...headers, "x-timeout-ms": "50" }));
      expect(later.at(-1)).toMatchObject({ status: { code: "deadline_exceeded" } });
    }
  });

  test("is aborted within 100 ms when the client leaves before the first message", async () => {
    const controller = new AbortController();
    const answer = call("wait first", headers, controller.signal);
    await until(() => seen.signal !== undefined);
    controller.abort();
    await expect(answer).rejects.toThrow();
    await until(() => seen.signal?.aborted === true && seen.ended, 100);
  });

  test("is aborted within 100 ms when the client leaves after the first message", async () => {
    const controller = new AbortController();
    const response = await call("one wait", headers, controller.signal);
    await response.body?.getReader().read();
    controller.abort();
    await until(() => seen.signal?.aborted === true && seen.ended, 100);
    expect(seen.signal?.reason).toMatchObject({ code: "canceled" });
  });

  test("is not pulled faster than it is read", async () => {
    const request = http.request(server.url + runStreamPath, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
    });
    request.end(JSON.stringify(requestOf("flood")));
    const response = await new Promise<http.IncomingMessage>((resolve) => request.on("response", resolve));
    await settled(() => seen.yielded);
    const atRest = seen.yielded;
    // The sockets of both sides hold a few MiB at most; the service would make without end.
    expect(atRest * 10_000).toBeLessThan(20 * 1024 * 1024);
    response.resume();
    await until(() => seen.yielded > atRest + 100);
    request.destroy();
    await until(() => seen.ended, 100);
  });
});

/** Waits until a figure has stopped changing for a while. */
async function settled(figure: () => number): Promise<void> {
  let before = -1;
  while (before !== figure() || before === 0) {
    before = figure();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

test("no line holds a raw line separator, and the text is whole all the same", async () => {
  const text = "a\u2028b\u2029c\u0085d";
  const body = await (await call(text)).text();
  expect(body).not.toMatch(/[\u2028\u2029\u0085]/);
  expect(JSON.parse(body.split("\n")[0] ?? "")).toEqual(delta(text));
});

test("a slow reader over HTTP/2 holds the service back too, and leaving aborts it", async () => {
  const session = http2.connect(server.url);
  const stream = session.request({ ":method": "POST", ":path": runStreamPath, "content-type": "application/json" });
  stream.end(JSON.stringify(requestOf("flood")));
  await new Promise((resolve) => stream.once("response", resolve));
  await settled(() => seen.yielded);
  expect(seen.yielded * 10_000).toBeLessThan(20 * 1024 * 1024);
  stream.close(http2.constants.NGHTTP2_CANCEL);
  await until(() => seen.signal?.aborted === true && seen.ended, 100);
  session.destroy();
});

test("the log has one line for a stream, with how it ended", async () => {
  await (await call("one fail", { "x-request-id": "logged", "x-app": "shop", ...sse })).text();
  await until(() => server.log.some(({ requestId }) => requestId === "logged"));
  const lines = server.log.filter(({ requestId }) => requestId === "logged");
  expect(lines).toMatchObject([
    {
      level: 40,
      rpc: "livellm.v1.AgentService/RunStream",
      code: "unavailable",
      app: "shop",
      face: "sse",
      clientId: "127.0.0.1",
    },
  ]);
  expect(JSON.stringify(lines)).not.toContain("one");
});
