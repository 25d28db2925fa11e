import { once } from "node:events";
import http from "node:http";
import http2 from "node:http2";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RunRequestSchema, RunStreamRequestSchema } from "../../gen/livellm/v1/agent_service_pb.ts";
import { ErrorDetailSchema } from "../../gen/livellm/v1/error_pb.ts";
import { TranscribeStreamRequestSchema } from "../../gen/livellm/v1/transcription_service_pb.ts";
import { LivellmError } from "../../src/core/error.ts";
import { startAccessGateway } from "../access/access-gateway.ts";
import { requestOf, startTestServer, type TestServer } from "./test-server.ts";

const agent = {
  async *runStream({ messages }: { readonly messages: readonly { readonly text: string }[] }) {
    const words = messages.at(-1)?.text.split(" ") ?? [];
    for (const text of words) {
      if (text === "fail") throw new LivellmError("unavailable", "stream_broken", "cut: off, 100 %");
      yield { event: { case: "textDelta" as const, value: { index: 0, text } } };
    }
  },
};

let hot: TestServer;
let plain: TestServer;
const sessions: http2.ClientHttp2Session[] = [];
const agent1 = new http.Agent({ keepAlive: true });

beforeAll(async () => {
  hot = await startTestServer({ agent, maxMessageBytes: 4_096 });
  plain = await startTestServer({ agent, maxMessageBytes: 4_096, hotPath: false });
  for (const { url } of [hot, plain]) sessions.push(http2.connect(url));
});
afterAll(async () => {
  for (const session of sessions) session.destroy();
  agent1.destroy();
  await Promise.all([hot.close(0), plain.close(0)]);
});

/** One request, byte for byte, and how it is cut into DATA frames. */
interface Sent {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly cuts: readonly number[];
}

/** An answer as it came. */
interface Answer {
  readonly headers: http2.IncomingHttpHeaders;
  readonly trailers: http2.IncomingHttpHeaders;
  readonly body: Buffer;
}

function send(session: http2.ClientHttp2Session | undefined, sent: Sent): Promise<Answer> {
  if (!session) throw new Error("not connected");
  return new Promise((resolve, reject) => {
    const { path, headers } = sent;
    const stream = session.request({ ":method": "POST", ":path": path, "x-request-id": "same", ...headers });
    const answer = { headers: {}, trailers: {} };
    const chunks: Buffer[] = [];
    stream.on("response", (found) => Object.assign(answer.headers, found));
    stream.on("trailers", (found) => Object.assign(answer.trailers, found));
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("error", reject);
    stream.on("close", () => resolve({ ...answer, body: Buffer.concat(chunks) }));
    write(stream, sent);
  });
}

/** The same over HTTP/1.1. */
function sendHttp1(url: string, sent: Sent): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { "x-request-id": "same", ...sent.headers };
    const request = http.request(url + sent.path, { method: "POST", agent: agent1, headers });
    request.on("error", reject);
    request.on("response", (response) => {
      const chunks: Buffer[] = [];
      const { "transfer-encoding": _, ...head } = response.headers;
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () =>
        resolve({
          headers: { "x-status": String(response.statusCode), ...head },
          trailers: {},
          body: Buffer.concat(chunks),
        }),
      );
    });
    write(request, sent);
  });
}

function write(stream: NodeJS.WritableStream, { body, cuts }: Sent): void {
  let at = 0;
  for (const cut of cuts.map((share) => Math.floor(share * body.length)).toSorted((a, b) => a - b)) {
    stream.write(body.subarray(at, cut));
    at = cut;
  }
  stream.end(body.subarray(at));
}

type Version = "HTTP/1.1" | "HTTP/2";

async function both(sent: Sent, version: Version = "HTTP/2"): Promise<readonly [object, object]> {
  const [fast, slow] = await Promise.all(
    version === "HTTP/2"
      ? [send(sessions[0], sent), send(sessions[1], sent)]
      : [sendHttp1(hot.url, sent), sendHttp1(plain.url, sent)],
  );
  return [comparable(fast), comparable(slow)];
}

/**
 * What has to be the same, the details of errors included. The date differs; and so do the words, and with them the bytes of
 * the status in gRPC's trailers, where connect-node and the dispatcher have words of their own.
 */
function comparable({ headers, trailers, body }: Answer): object {
  const type = headers["content-type"] ?? "";
  const { date: _, "content-length": __, ...head } = headers;
  const { "grpc-message": words, "grpc-status-details-bin": details, ...tail } = trailers;
  if (type === "application/json") return { head: { ...head }, error: statusOf(body) };
  if (!type.startsWith("application/connect+") && !type.startsWith("application/grpc-web"))
    return { head: { ...head }, tail: { ...tail, words: sameWords(words), detailed: details !== undefined }, body };
  return { head: { ...head }, messages: messagesOf(body) };
}

function messagesOf(body: Buffer): unknown[] {
  const found: unknown[] = [];
  for (let at = 0; at < body.length; ) {
    const end = at + 5 + body.readUInt32BE(at + 1);
    const bytes = body.subarray(at + 5, end);
    if (body[at] === 2) found.push(statusOf(bytes));
    else found.push(body[at] === 0x80 ? trailersIn(bytes) : [body[at], bytes]);
    at = end;
  }
  return found;
}

/** What ends an answer in gRPC-Web. */
function trailersIn(bytes: Buffer): object {
  const lines = bytes
    .toString()
    .trimEnd()
    .split("\r\n")
    .map((line) => line.split(": "));
  const { "grpc-status-details-bin": details, "grpc-message": words = "", ...rest } = Object.fromEntries(lines);
  return { ...rest, words: sameWords(decodeURIComponent(words)), detailed: details !== undefined };
}

/** Connect's error object, or what ends its streams. */
function statusOf(bytes: Buffer): object {
  const { message, error, ...rest } = JSON.parse(bytes.toString()) as Record<string, unknown>;
  const { message: words, ...inner } = (error ?? {}) as Record<string, unknown>;
  return { ...rest, message: sameWords(message), inner, words: sameWords(words) };
}

/** connect-node and the dispatcher, which is every other face's, count a call's messages in words of their own. */
function sameWords(words: unknown): string {
  return String(words).replace(
    /^protocol error: .* input message for .*|^\w+ takes one request message; .*/,
    "not one message",
  );
}

function envelope(message: Uint8Array, flags = 0, length = message.length): Buffer {
  const head = Buffer.alloc(5);
  head[0] = flags;
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, message]);
}

const request = (text: string) => toBinary(RunRequestSchema, create(RunRequestSchema, requestOf(text)));
const streamRequest = (text: string) =>
  toBinary(RunStreamRequestSchema, create(RunStreamRequestSchema, requestOf(text)));
const start = toBinary(
  TranscribeStreamRequestSchema,
  create(TranscribeStreamRequestSchema, {
    input: {
      case: "start",
      value: {
        route: { targets: [{ provider: "local", model: "echo" }] },
        format: { mimeType: "audio/pcm", sampleRateHertz: 16_000 },
      },
    },
  }),
);
const audio = (bytes: number) =>
  toBinary(
    TranscribeStreamRequestSchema,
    create(TranscribeStreamRequestSchema, { input: { case: "audio", value: { data: new Uint8Array(bytes) } } }),
  );

const message = fc.oneof(
  fc.string({ maxLength: 40 }).map((text) => streamRequest(text || "x")),
  fc.constantFrom("a b c", "fail", "a fail", "ü 😀").map(streamRequest),
  fc.uint8Array({ maxLength: 30 }),
  fc.constant(start),
  fc.integer({ min: 0, max: 50 }).map(audio),
);
const flags = fc.oneof(
  { weight: 8, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: fc.constantFrom(1, 2, 4, 255) },
);
/**
 * Messages, perhaps cut off within the head of one more; or one that is too large, or claims to be. Not cut right behind a
 * head, which connect-node takes for the end; and nothing too large behind others, where what connect-node finds first
 * depends on how the bytes came.
 */
const body = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.tuple(fc.array(fc.tuple(message, flags), { maxLength: 4 }), fc.nat({ max: 4 })).map(whole),
  },
  { weight: 1, arbitrary: fc.integer({ min: 4_000, max: 9_000 }).map((bytes) => envelope(audio(bytes))) },
  { weight: 1, arbitrary: fc.integer({ min: 4_097, max: 2 ** 32 - 1 }).map((n) => envelope(start, 0, n)) },
);

function whole([messages, cut]: readonly [readonly (readonly [Uint8Array, number])[], number]): Buffer {
  return Buffer.concat([...messages.map(([bytes, flag]) => envelope(bytes, flag)), Buffer.alloc(cut)]);
}

const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 3 });
const agentPath = fc.constantFrom("Run", "RunStream").map((name) => `/livellm.v1.AgentService/${name}`);
const anyPath = fc.oneof(agentPath, fc.constant("/livellm.v1.TranscriptionService/TranscribeStream"));
const grpcType = fc.constantFrom("application/grpc", "application/grpc+proto", "application/grpc+json");
const webType = fc.constantFrom("application/grpc-web", "application/grpc-web+proto", "application/grpc-web+json");
const connectType = fc.constantFrom("application/connect+proto", "application/connect+json", "application/proto");
const extra = fc.constantFrom<Readonly<Record<string, string>>[]>(
  {},
  { "grpc-timeout": "10S", "connect-timeout-ms": "10000" },
  { "grpc-timeout": "99999999H", "connect-timeout-ms": "9999999999" },
  { "grpc-timeout": "soon", "connect-timeout-ms": "soon" },
  { "grpc-encoding": "identity", "connect-content-encoding": "identity" },
  { "grpc-encoding": "br", "connect-content-encoding": "br" },
  { "connect-protocol-version": "1" },
  { "x-app": "tester", "x-request-id": "another" },
);

describe("the hot path and connect-node answer the same to the same bytes", () => {
  test.each<[string, Version, fc.Arbitrary<string>, fc.Arbitrary<string>]>([
    ["gRPC", "HTTP/2", grpcType, anyPath],
    ["gRPC-Web", "HTTP/2", webType, anyPath],
    ["Connect", "HTTP/2", connectType, anyPath],
    ["gRPC-Web", "HTTP/1.1", webType, agentPath],
    ["Connect", "HTTP/1.1", connectType, agentPath],
  ])("%s over %s", async (_, version, type, anyOf) => {
    await fc.assert(
      fc.asyncProperty(anyOf, type, extra, body, cuts, async (path, contentType, more, bytes, where) => {
        const headers = { "content-type": contentType, te: "trailers", ...more };
        const [fast, slow] = await both({ path, headers, body: bytes, cuts: where }, version);
        expect(fast).toEqual(slow);
      }),
      { numRuns: 150 },
    );
  });

  test.each<Version>(["HTTP/1.1", "HTTP/2"])("Connect's unary form over %s", async (version) => {
    const bytes = fc.oneof(fc.string({ maxLength: 40 }).map(request), fc.uint8Array({ maxLength: 60 }));
    await fc.assert(
      fc.asyncProperty(bytes, extra, cuts, async (message, more, where) => {
        const headers = { "content-type": "application/proto", ...more };
        const sent = { path: "/livellm.v1.AgentService/Run", headers, body: Buffer.from(message), cuts: where };
        const [fast, slow] = await both(sent, version);
        expect(fast).toEqual(slow);
      }),
      { numRuns: 100 },
    );
  });
});

test("what is wrong with a request before it reaches a service is explained like every error", async () => {
  const headers = { "content-type": "application/grpc", te: "trailers" };
  const stream = sessions[0]?.request({ ":method": "POST", ":path": "/livellm.v1.AgentService/Run", ...headers });
  if (!stream) throw new Error("not connected");
  const trailers = new Promise<http2.IncomingHttpHeaders>((resolve) => stream.once("trailers", resolve));
  stream.resume().end(envelope(Buffer.from([0xff])));
  const details = Buffer.from(String((await trailers)["grpc-status-details-bin"]), "base64");
  const at = details.indexOf("livellm.v1.ErrorDetail");
  expect(at).toBeGreaterThan(0);
  expect(fromBinary(ErrorDetailSchema, details.subarray(at + "livellm.v1.ErrorDetail".length + 2)).requestId).not.toBe(
    "",
  );
});

test.each([
  ["application/json", 504],
  ["application/proto", 504],
  ["application/connect+proto", 200],
])("a deadline counts while a request is on its way: %s", async (contentType, status) => {
  const path = contentType === "application/connect+proto" ? "RunStream" : "Run";
  const stream = sessions[0]?.request({
    ":method": "POST",
    ":path": `/livellm.v1.AgentService/${path}`,
    "content-type": contentType,
    "connect-timeout-ms": "20",
  });
  if (!stream) throw new Error("not connected");
  stream.write(Buffer.alloc(1));
  const [head] = (await once(stream, "response")) as [http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader];
  expect(head[":status"]).toBe(status);
  const body = Buffer.concat(await stream.toArray()).toString();
  expect(body).toContain('"code":"deadline_exceeded"');
});

describe("a call goes by the hot path unless it is switched off: it does not compress", () => {
  const long = request("word ".repeat(600));
  const path = "/livellm.v1.AgentService/Run";

  test("gRPC", async () => {
    const headers = { "content-type": "application/grpc", te: "trailers", "grpc-accept-encoding": "gzip" };
    const sent = { path, headers, body: envelope(long), cuts: [] };
    const [fast, slow] = await Promise.all([send(sessions[0], sent), send(sessions[1], sent)]);
    expect([fast.headers["grpc-encoding"], slow.headers["grpc-encoding"]]).toEqual([undefined, "gzip"]);
    expect(fast.trailers["grpc-status"]).toBe("0");
  });

  test("gRPC-Web over HTTP/1.1", async () => {
    const headers = { "content-type": "application/grpc-web", "grpc-accept-encoding": "gzip" };
    const sent = { path, headers, body: envelope(long), cuts: [] };
    const [fast, slow] = await Promise.all([sendHttp1(hot.url, sent), sendHttp1(plain.url, sent)]);
    expect([fast.headers["grpc-encoding"], slow.headers["grpc-encoding"]]).toEqual([undefined, "gzip"]);
  });

  test("Connect over HTTP/1.1", async () => {
    const headers = { "content-type": "application/proto", "accept-encoding": "gzip" };
    const sent = { path, headers, body: Buffer.from(long), cuts: [] };
    const [fast, slow] = await Promise.all([sendHttp1(hot.url, sent), sendHttp1(plain.url, sent)]);
    expect([fast.headers["content-encoding"], slow.headers["content-encoding"]]).toEqual([undefined, "gzip"]);
  });
});

test("a caller that resets its stream at any time does no harm", async () => {
  const headers = { "content-type": "application/grpc", te: "trailers" };
  const paths = ["AgentService/Run", "AgentService/RunStream", "TranscriptionService/TranscribeStream"];
  for (let round = 0; round < 60; round++) {
    const path = `/livellm.v1.${paths[round % paths.length]}`;
    const stream = sessions[0]?.request({ ":method": "POST", ":path": path, ...headers });
    if (!stream) throw new Error("not connected");
    const closed = new Promise((resolve) => stream.once("close", resolve));
    stream.on("error", () => undefined);
    stream.resume().write(envelope(streamRequest("a b c")));
    if (round % 2 === 0) stream.end();
    for (let turn = 0; turn < round % 7; turn++) await new Promise((resolve) => setImmediate(resolve));
    stream.close(http2.constants.NGHTTP2_CANCEL);
    await closed;
  }
  const sent = { path: "/livellm.v1.AgentService/Run", headers, body: envelope(request("alive")), cuts: [] };
  expect((await send(sessions[0], sent)).trailers["grpc-status"]).toBe("0");
});

test.each([
  ["on", null],
  ["off", "gzip"],
])("with LIVELLM_HOT_PATH=%s a long answer is compressed as %s", async (hotPath, encoding) => {
  await using gateway = await startAccessGateway({ LIVELLM_HOT_PATH: hotPath });
  const answer = await fetch(`${gateway.url}/livellm.v1.ProvidersService/ListProviderKinds`, {
    method: "POST",
    headers: { "content-type": "application/proto", "accept-encoding": "gzip" },
  });
  expect(answer.status).toBe(200);
  expect(answer.headers.get("content-encoding")).toBe(encoding);
});
