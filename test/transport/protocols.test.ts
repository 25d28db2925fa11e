import { randomBytes } from "node:crypto";
import http2 from "node:http2";
import { fromBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { AgentService } from "../../gen/livellm/v1/agent_service_pb.ts";
import { ErrorDetailSchema, FieldViolationsSchema } from "../../gen/livellm/v1/error_pb.ts";
import { Failure_Reason } from "../../gen/livellm/v1/route_pb.ts";
import { TranscriptionService } from "../../gen/livellm/v1/transcription_service_pb.ts";
import { LivellmError } from "../../src/core/error.ts";
import type { Agent } from "./echo-services.ts";
import { requestOf, runStreamPath, startTestServer, type TestServer, until } from "./test-server.ts";

let server: TestServer;
let withoutHotPath: TestServer;
let seen: { signal?: AbortSignal; yielded: number; ended: boolean };

beforeEach(() => {
  seen = { yielded: 0, ended: false };
});

const agent: Partial<Agent> = {
  async run({ messages }, { signal }) {
    const text = messages[0]?.text ?? "";
    seen.signal = signal;
    if (text === "fail")
      throw new LivellmError("resource_exhausted", "rate_limited", "slow down", { retryAfterMs: 1500 });
    if (text === "bug") throw new TypeError("secret");
    if (text === "wait") await forever(signal);
    return { text: `echo: ${text}` };
  },
  async *runStream({ messages, caller }, { signal }) {
    const text = messages[0]?.text ?? "";
    seen.signal = signal;
    try {
      if (text === "fail first") throw new LivellmError("unavailable", "network", "refused");
      if (text === "wait first") await forever(signal);
      if (text === "who") yield { event: { case: "started", value: { requestId: caller?.requestId ?? "" } } };
      for (; text === "flood" && !signal.aborted; seen.yielded++) yield delta(incompressible);
      for (const word of text.split(" ")) yield delta(word);
      if (text.endsWith("fail")) throw new LivellmError("unavailable", "stream_broken", "cut off");
      if (text.endsWith("wait")) await forever(signal);
    } finally {
      seen.ended = true;
    }
  },
};

beforeAll(async () => {
  [server, withoutHotPath] = await Promise.all([
    startTestServer({ agent }),
    startTestServer({ agent, hotPath: false }),
  ]);
});
afterAll(() => Promise.all([server.close(0), withoutHotPath.close(0)]));

/** Clients accept gzip, and a run of one letter would be hardly a byte. */
const incompressible = randomBytes(7_500).toString("base64");

function forever(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("anything"))));
}

function delta(text: string) {
  return { event: { case: "textDelta" as const, value: { text } } };
}

const transports: [string, () => Transport][] = [
  ["gRPC by connect-node", () => createGrpcTransport({ baseUrl: withoutHotPath.url })],
  [
    "gRPC-Web over HTTP/1.1 by connect-node",
    () => createGrpcWebTransport({ baseUrl: withoutHotPath.url, httpVersion: "1.1" }),
  ],
  [
    "Connect over HTTP/1.1 by connect-node",
    () => createConnectTransport({ baseUrl: withoutHotPath.url, httpVersion: "1.1" }),
  ],
  ["gRPC", () => createGrpcTransport({ baseUrl: server.url })],
  ["gRPC, JSON", () => createGrpcTransport({ baseUrl: server.url, useBinaryFormat: false })],
  ["gRPC-Web over HTTP/1.1", () => createGrpcWebTransport({ baseUrl: server.url, httpVersion: "1.1" })],
  ["gRPC-Web over HTTP/2", () => createGrpcWebTransport({ baseUrl: server.url, httpVersion: "2" })],
  ["Connect over HTTP/1.1", () => createConnectTransport({ baseUrl: server.url, httpVersion: "1.1" })],
  [
    "Connect over HTTP/1.1, binary",
    () => createConnectTransport({ baseUrl: server.url, httpVersion: "1.1", useBinaryFormat: true }),
  ],
  [
    "Connect over HTTP/2",
    () => createConnectTransport({ baseUrl: server.url, httpVersion: "2", useBinaryFormat: true }),
  ],
];

async function failure(action: Promise<unknown>): Promise<ConnectError> {
  const error = await action.then(
    () => new Error("it did not fail"),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ConnectError);
  return error as ConnectError;
}

async function wordsOf(stream: AsyncIterable<{ event: { case?: string; value?: unknown } }>): Promise<string[]> {
  const words: string[] = [];
  for await (const { event } of stream)
    if (event.case === "textDelta") words.push((event.value as { text: string }).text);
  return words;
}

test.each(transports.filter(([name]) => !name.endsWith("by connect-node")))(
  "%s: a request that is too large is told the limit, in no library's words",
  async (_, transport) => {
    const agent = createClient(AgentService, transport());
    const large = requestOf("a".repeat(4 * 1024 * 1024));
    for (const act of [() => agent.run(large), () => wordsOf(agent.runStream(large))]) {
      const error = await failure(act());
      expect([error.code, error.rawMessage]).toEqual([
        Code.ResourceExhausted,
        "the request is larger than the 4194304 bytes this server takes",
      ]);
    }
  },
);

describe.each(transports)("%s", (_, transport) => {
  const agent = () => createClient(AgentService, transport());

  test("unary and stream", async () => {
    expect((await agent().run(requestOf("hi"))).text).toBe("echo: hi");
    expect(await wordsOf(agent().runStream(requestOf("one two")))).toEqual(["one", "two"]);
  });

  test("the id of a request goes in and comes back", async () => {
    const ids: (string | null)[] = [];
    const options = {
      headers: { "x-request-id": "from-header" },
      onHeader: (header: Headers) => ids.push(header.get("x-request-id")),
    };
    await agent().run(requestOf("hi"), options);
    for await (const { event } of agent().runStream(requestOf("who"), options)) {
      if (event.case === "started") ids.push(event.value.requestId);
    }
    expect(ids).toEqual(["from-header", "from-header", "from-header"]);
  });

  test("an error has its code, its detail and its request id", async () => {
    const error = await failure(agent().run(requestOf("fail"), { headers: { "x-request-id": "e1" } }));
    expect([error.code, error.rawMessage]).toEqual([Code.ResourceExhausted, "slow down"]);
    const [detail] = error.findDetails(ErrorDetailSchema);
    expect(detail).toMatchObject({
      reason: Failure_Reason.RATE_LIMITED,
      requestId: "e1",
      retryAfter: { seconds: 1n, nanos: 500_000_000 },
    });
  });

  test("an error nobody foresaw is internal", async () => {
    const error = await failure(agent().run(requestOf("bug")));
    expect([error.code, error.rawMessage.includes("secret")]).toEqual([Code.Internal, false]);
    expect(error.findDetails(ErrorDetailSchema)[0]?.reason).toBe(Failure_Reason.INTERNAL);
  });

  test("violations come in our detail and as google.rpc.BadRequest", async () => {
    const actions = [() => agent().run({ messages: [{}] }), () => wordsOf(agent().runStream({ messages: [{}] }))];
    for (const act of actions) {
      const error = await failure(act());
      expect(error.code).toBe(Code.InvalidArgument);
      const fields = (found: readonly { field: string; reason: string }[]) =>
        found.map(({ field, reason }) => `${field} ${reason}`);
      const expected = ["route REQUIRED", "messages[0].parts REQUIRED"];
      expect(fields(error.findDetails(ErrorDetailSchema)[0]?.fieldViolations ?? [])).toEqual(expected);
      const standard = error.details.find((each) => "type" in each && each.type === "google.rpc.BadRequest");
      const bytes = standard && "type" in standard ? standard.value : new Uint8Array();
      expect(fields(fromBinary(FieldViolationsSchema, bytes).fieldViolations)).toEqual(expected);
    }
  });

  test("a stream fails before its first message and after it", async () => {
    expect(await failure(wordsOf(agent().runStream(requestOf("fail first"))))).toMatchObject({
      code: Code.Unavailable,
      rawMessage: "refused",
    });
    const words: string[] = [];
    const error = await failure(
      (async () => {
        for await (const { event } of agent().runStream(requestOf("one fail"))) {
          if (event.case === "textDelta") words.push(event.value.text);
        }
      })(),
    );
    expect(words).toEqual(["one", "fail"]);
    expect(error.findDetails(ErrorDetailSchema)[0]?.reason).toBe(Failure_Reason.STREAM_BROKEN);
  });

  test("a deadline ends a call as such", async () => {
    expect((await failure(agent().run(requestOf("wait"), { timeoutMs: 50 }))).code).toBe(Code.DeadlineExceeded);
    expect((await failure(wordsOf(agent().runStream(requestOf("one wait"), { timeoutMs: 50 })))).code).toBe(
      Code.DeadlineExceeded,
    );
    await until(() => seen.signal?.aborted === true, 100);
  });

  test.each(["unary", "before", "after"])("leaving aborts the call within 100 ms: %s", async (when) => {
    const controller = new AbortController();
    const { signal } = controller;
    if (when === "unary") {
      const answer = agent().run(requestOf("wait"), { signal });
      answer.catch(() => undefined);
      await until(() => seen.signal !== undefined);
    } else {
      const stream = agent().runStream(requestOf(when === "before" ? "wait first" : "one wait"), { signal });
      const first = stream[Symbol.asyncIterator]().next();
      first.catch(() => undefined);
      if (when === "after") await first;
      else await until(() => seen.signal !== undefined);
    }
    controller.abort();
    await until(() => seen.signal?.aborted === true, 100);
    if (when !== "unary") await until(() => seen.ended, 100);
  });

  test("a slow reader holds the service back", async () => {
    const controller = new AbortController();
    const stream = agent().runStream(requestOf("flood"), { signal: controller.signal })[Symbol.asyncIterator]();
    await stream.next();
    for (let before = -1; before !== seen.yielded; ) {
      before = seen.yielded;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(seen.yielded * 10_000).toBeLessThan(20 * 1024 * 1024);
    controller.abort();
    await until(() => seen.ended, 1_000);
  });
});

describe.each(transports.filter(([name]) => !name.includes("1.1")))("both ways over %s", (_, transport) => {
  const start = {
    input: {
      case: "start" as const,
      value: {
        route: { targets: [{ provider: "p" }] },
        format: { mimeType: "audio/pcm", sampleRateHertz: 16_000 },
        caller: { requestId: "session-1" },
      },
    },
  };
  const audio = (length: number) => ({ input: { case: "audio" as const, value: { data: new Uint8Array(length) } } });

  test("each answer comes before the next question", async () => {
    const heard = Promise.withResolvers<void>();
    async function* requests() {
      yield start;
      yield audio(10);
      await heard.promise;
      yield audio(5);
    }
    const answers: string[] = [];
    for await (const { event } of createClient(TranscriptionService, transport()).transcribeStream(requests())) {
      if (event.case === "started") answers.push(event.value.sessionId);
      if (event.case === "segment") answers.push(event.value.text);
      if (event.case === "segment") heard.resolve();
    }
    expect(answers).toEqual(["session-1", "10", "15"]);
  });

  test("every message is checked, by its rules and by its place", async () => {
    const violationOf = async (...messages: (typeof start | ReturnType<typeof audio>)[]) => {
      async function* requests() {
        yield* messages;
      }
      const answers = createClient(TranscriptionService, transport()).transcribeStream(requests());
      const error = await failure(
        (async () => {
          for await (const _ of answers);
        })(),
      );
      return error.findDetails(ErrorDetailSchema)[0]?.fieldViolations[0];
    };
    expect(await violationOf(audio(1))).toMatchObject({ field: "start", reason: "REQUIRED" });
    expect(await violationOf(start, start)).toMatchObject({ field: "start", reason: "CONFLICT" });
    expect(await violationOf(start, audio(1_048_577))).toMatchObject({ field: "audio.data", reason: "TOO_LONG" });
  });
});

test("both ways over HTTP/1.1 is refused in words", async () => {
  const response = await fetch(`${server.url}/livellm.v1.TranscriptionService/TranscribeStream`, {
    method: "POST",
    headers: { "content-type": "application/connect+proto" },
    body: new Uint8Array(0),
  });
  expect(response.status).toBe(505);
  expect(await response.text()).toContain("HTTP/2");
});

describe("JSON in a stream is read strictly, with paths", () => {
  const unknown = { ...requestOf("hi"), config: { generation: { temprature: 1 } } };
  const violation = {
    field: "config.generation.temprature",
    reason: "UNKNOWN",
    description: 'unknown field; did you mean "temperature"?',
  };

  test("of Connect", async () => {
    const response = await fetch(server.url + runStreamPath, {
      method: "POST",
      headers: { "content-type": "application/connect+json" },
      body: enveloped(unknown),
    });
    const end = JSON.parse((await response.text()).slice(5));
    expect(end.error.code).toBe("invalid_argument");
    expect(end.error.details[0].debug.fieldViolations).toEqual([violation]);
  });

  test("of gRPC", async () => {
    const session = http2.connect(server.url);
    const stream = session.request({
      ":method": "POST",
      ":path": runStreamPath,
      "content-type": "application/grpc+json",
    });
    stream.end(enveloped(unknown));
    stream.resume();
    const trailers = await new Promise<http2.IncomingHttpHeaders>((resolve) => {
      stream.once("trailers", resolve);
      stream.once("response", (headers) => headers["grpc-status"] && resolve(headers));
    });
    expect(trailers["grpc-status"]).toBe("3");
    expect(decodeURIComponent(String(trailers["grpc-message"]))).toBe(`${violation.field}: ${violation.description}`);
    session.destroy();
  });
});

/** A message of a stream in Connect and gRPC: a flag, its length, and itself. */
function enveloped(json: object): Buffer<ArrayBuffer> {
  const message = Buffer.from(JSON.stringify(json));
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}
