import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RunRequestSchema, RunResponseSchema } from "../../gen/livellm/v1/agent_service_pb.ts";
import { file_livellm_v1_audio_service } from "../../gen/livellm/v1/audio_service_pb.ts";
import {
  file_livellm_v1_transcription_service,
  TranscribeStreamRequestSchema,
  TranscribeStreamResponseSchema,
} from "../../gen/livellm/v1/transcription_service_pb.ts";
import { LivellmError } from "../../src/core/error.ts";
import { requestOf, runPath, runStreamPath, startTestServer, type TestServer, until } from "./test-server.ts";
import { type Client, open, openRaw, rawFrame, startWebSocketServer, transcribePath } from "./web-socket-server.ts";

let server: TestServer;
/** The headers of the last run. */
let seenHeaders: Headers;

beforeAll(async () => {
  server = await startWebSocketServer({
    maxMessageBytes: 100_000,
    agent: {
      async *runStream({ messages, caller }, { signal, requestHeader }) {
        seenHeaders = requestHeader;
        const text = messages[0]?.text ?? "";
        if (text === "fail first") throw new LivellmError("unavailable", "network", "refused");
        if (text === "bug") throw new TypeError("secret");
        if (text === "wait") await aborted(signal);
        yield { event: { case: "started", value: { requestId: caller?.requestId ?? "" } } };
        for (const word of text.split(" ")) yield { event: { case: "textDelta", value: { text: word } } };
        if (text.endsWith("fail")) throw new LivellmError("unavailable", "stream_broken", "cut off");
        if (text.endsWith("wait later")) await aborted(signal);
      },
    },
  });
});
afterAll(() => server.close(0));

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("anything"))));
}

const delta = (text: string) => ({ textDelta: { text } });
const ok = { status: { code: "ok" } };
const opening = {
  start: { route: requestOf("x").route, format: { mimeType: "audio/pcm", sampleRateHertz: 16000 } },
};
const audio = (bytes: number) => ({ audio: { data: Buffer.alloc(bytes).toString("base64") } });
const segment = (text: string) => ({ segment: { text } });

async function call(path: string, ...frames: readonly (object | string | Uint8Array)[]): Promise<Client> {
  const client = await open(server, path);
  for (const frame of frames) client.send(frame);
  return client;
}

describe("a stream from the server", () => {
  test("is one request frame, its messages, then the status, then close 1000", async () => {
    const client = await call(runStreamPath, requestOf("one two"));
    expect(await client.closed).toEqual({ code: 1000, reason: "ok" });
    expect(client.frames).toEqual([
      { started: { requestId: expect.stringMatching(/./) } },
      delta("one"),
      delta("two"),
      ok,
    ]);
  });

  test("takes an end frame as well, which changes nothing", async () => {
    const client = await call(runStreamPath, requestOf("one"), { end: {} });
    expect(await client.status()).toEqual({ code: "ok" });
  });

  test("that fails before its first message ends with its status", async () => {
    const client = await call(runStreamPath, requestOf("fail first"));
    expect(await client.closed).toEqual({ code: 1000, reason: "unavailable" });
    expect(client.frames).toMatchObject([
      { status: { code: "unavailable", message: "refused", details: [{ debug: { reason: "REASON_NETWORK" } }] } },
    ]);
  });

  test("that fails later ends with its status, after its messages", async () => {
    const client = await call(runStreamPath, { headers: { "x-request-id": "late" } }, requestOf("one fail"));
    await client.closed;
    expect(client.frames).toMatchObject([
      { started: { requestId: "late" } },
      delta("one"),
      delta("fail"),
      { status: { code: "unavailable", details: [{ debug: { reason: "REASON_STREAM_BROKEN", requestId: "late" } }] } },
    ]);
  });

  test("that fails for reasons nobody foresaw says nothing of them", async () => {
    const client = await call(runStreamPath, requestOf("bug"));
    expect(await client.status()).toMatchObject({
      code: "internal",
      message: expect.stringContaining("internal error"),
    });
    expect(JSON.stringify(client.frames)).not.toContain("secret");
  });

  test("with a second request message is refused", async () => {
    const client = await call(runStreamPath, requestOf("one wait later"), requestOf("two"));
    expect(await client.status()).toMatchObject({
      code: "invalid_argument",
      message: "RunStream takes one request message; there was more",
    });
  });

  test("without a request message says so", async () => {
    const client = await call(runStreamPath, { end: {} });
    expect(await client.status()).toMatchObject({ message: "RunStream takes one request message; there was none" });
  });

  test("logs one line, with its face and how it ended", async () => {
    await (await call(runStreamPath, { headers: { "x-request-id": "logged", "x-app": "shop" } }, requestOf("a fail")))
      .closed;
    await until(() => server.log.some(({ requestId }) => requestId === "logged"));
    expect(server.log.filter(({ requestId }) => requestId === "logged")).toMatchObject([
      { level: 40, rpc: "livellm.v1.AgentService/RunStream", code: "unavailable", app: "shop", face: "websocket" },
    ]);
  });
});

test("a unary call is its answer, then the status", async () => {
  const client = await call(runPath, requestOf("x"));
  expect(await client.closed).toMatchObject({ code: 1000 });
  expect(client.frames).toMatchObject([{ text: "echo: x" }, ok]);
});

test("a unary call in protobuf is answered in protobuf", async () => {
  const client = await call(runPath, toBinary(RunRequestSchema, create(RunRequestSchema, requestOf("x"))));
  expect(await client.status()).toEqual({ code: "ok" });
  expect(fromBinary(RunResponseSchema, client.frames[0] as Buffer)).toMatchObject({ text: "echo: x" });
});

describe("a stream both ways", () => {
  test("as text: each message is answered while the client goes on, its end ends the call", async () => {
    const client = await call(transcribePath, opening);
    await until(() => client.frames.length === 1);
    client.send(audio(10));
    await until(() => client.frames.length === 2);
    client.send(audio(5));
    await until(() => client.frames.length === 3);
    client.send({ end: {} });
    expect(await client.closed).toEqual({ code: 1000, reason: "ok" });
    expect(client.frames).toMatchObject([
      { started: {} },
      segment("10"),
      segment("15"),
      { finished: { text: "15" } },
      ok,
    ]);
  });

  test("as protobuf: messages and answers are binary, control frames and the status text", async () => {
    const binary = (init: MessageInitShape<typeof TranscribeStreamRequestSchema>) =>
      toBinary(TranscribeStreamRequestSchema, create(TranscribeStreamRequestSchema, init));
    const client = await call(
      transcribePath,
      { headers: { "x-request-id": "binary" } },
      binary({ input: { case: "start", value: opening.start } }),
      binary({ input: { case: "audio", value: { data: new Uint8Array(7) } } }),
      { end: {} },
    );
    await client.closed;
    const [started, heard, finished, status] = client.frames;
    const read = (frame: unknown) => fromBinary(TranscribeStreamResponseSchema, frame as Buffer).event;
    expect(read(started)).toMatchObject({ case: "started", value: { sessionId: "binary" } });
    expect(read(heard)).toMatchObject({ case: "segment", value: { text: "7" } });
    expect(read(finished)).toMatchObject({ case: "finished", value: { text: "7" } });
    expect(status).toEqual(ok);
  });

  test("is answered in the kind of the first message, whatever follows", async () => {
    const text = await call(transcribePath, opening, toBinary(TranscribeStreamRequestSchema, silence), { end: {} });
    await text.closed;
    expect(text.frames.some((frame) => frame instanceof Uint8Array)).toBe(false);
  });

  const silence = create(TranscribeStreamRequestSchema, { input: { case: "silence", value: { durationMs: 5 } } });

  test("refuses a message after the end", async () => {
    // All in one packet, so that the call cannot be over before the message comes.
    const { socket, received } = await openRaw(server, transcribePath);
    const frames = [opening, { end: {} }, audio(1)].map((frame) => rawFrame("text", JSON.stringify(frame)));
    socket.write(Buffer.concat(frames));
    await until(() => received().includes('"status"'));
    expect(received()).toContain("no message may follow the end frame");
    socket.destroy();
  });

  test("keeps the order of the contract: the first message is start", async () => {
    const client = await call(transcribePath, audio(1));
    expect(await client.status()).toMatchObject({
      code: "invalid_argument",
      details: [{ debug: { fieldViolations: [{ field: "start", reason: "REQUIRED" }] } }, {}],
    });
  });
});

describe("the headers frame", () => {
  test("is the call's metadata, and wins over the handshake's", async () => {
    const client = await open(server, runStreamPath, { headers: { authorization: "Bearer old", "x-device": "phone" } });
    client.send({ headers: { Authorization: "Bearer new", "x-request-id": "framed" } });
    client.send(requestOf("x"));
    await client.closed;
    expect(client.frames[0]).toEqual({ started: { requestId: "framed" } });
    expect(seenHeaders.get("authorization")).toBe("Bearer new");
    expect(seenHeaders.get("x-device")).toBe("phone");
  });

  test("may be left out: those of the handshake count", async () => {
    const client = await open(server, runStreamPath, { headers: { "x-request-id": "shaken" } });
    client.send(requestOf("x"));
    await client.closed;
    expect(client.frames[0]).toEqual({ started: { requestId: "shaken" } });
  });

  test("with a request id that cannot be one leaves that of the handshake", async () => {
    const client = await open(server, runStreamPath, { headers: { "x-request-id": "shaken" } });
    client.send({ headers: { "x-request-id": "not an id" } });
    client.send(requestOf("x"));
    await client.closed;
    expect(client.frames[0]).toEqual({ started: { requestId: "shaken" } });
  });

  test.each(["wait", "one wait later"])("sets the deadline, which counts from then on: %s", async (text) => {
    const client = await call(runStreamPath, { headers: { "x-timeout-ms": "50" } }, requestOf(text));
    expect(await client.status()).toMatchObject({
      code: "deadline_exceeded",
      details: [{ debug: { reason: "REASON_TIMEOUT" } }],
    });
  });

  test("with a deadline ends a stream whose client says nothing more", async () => {
    const client = await call(transcribePath, { headers: { "x-timeout-ms": "50" } });
    expect(await client.status()).toMatchObject({ code: "deadline_exceeded" });
  });

  test.each([
    ["a deadline that is none", { "x-timeout-ms": "soon" }, [], /x-timeout-ms must be whole milliseconds/],
    ["a number", { "x-timeout-ms": 30 }, ['headers["x-timeout-ms"]'], /must be a string/],
    ["a name that is none", { "x y": "1" }, ['headers["x y"]'], /not the name of a header/],
    ["a line break", { "x-app": "a\r\nb" }, ['headers["x-app"]'], /no header may hold/],
    [
      "headers of the handshake and its proxies",
      { Origin: "https://a.example", "x-forwarded-for": "1.2.3.4", "sec-websocket-key": "x" },
      ['headers["Origin"]', 'headers["x-forwarded-for"]', 'headers["sec-websocket-key"]'],
      /belongs to the handshake.*and 2 more/,
    ],
  ])("with %s is invalid_argument", async (_, headers, fields, message) => {
    const client = await call(runStreamPath, { headers });
    const status = await client.status();
    expect(status).toMatchObject({ code: "invalid_argument", message: expect.stringMatching(message) });
    const found = status.details?.[0]?.debug.fieldViolations as { field: string }[] | undefined;
    expect((found ?? []).map(({ field }) => field)).toEqual(fields);
  });

  test.each([
    ["cut off", '{"headers": {"x-app": "a"', "invalid_argument", /malformed JSON in the headers frame at position 25/],
    ["no object", '{"headers": []}', "invalid_argument", /headers: must be a JSON object/],
    ["not alone", '{"headers": {}, "messages": []}', "invalid_argument", /messages: unknown beside headers/],
    [
      "too large",
      `{"headers": {"x-app": "${"a".repeat(33_000)}"}}`,
      "resource_exhausted",
      /larger than the 32768 bytes/,
    ],
  ])("that is %s ends the call", async (_, frame, code, message) => {
    const client = await call(runStreamPath, frame);
    expect(await client.status()).toMatchObject({ code, message: expect.stringMatching(message) });
  });

  test("comes first or not at all", async () => {
    const client = await call(transcribePath, opening, { headers: {} });
    expect(await client.status()).toMatchObject({
      code: "invalid_argument",
      message: expect.stringMatching(/headers come first/),
    });
  });

  test("refused before its call began is logged all the same", async () => {
    await (await call(runStreamPath, { headers: { "x-request-id": "refused" } }, '{"messages": ')).closed;
    const lines = () => server.log.filter(({ requestId }) => requestId === "refused");
    await until(() => lines().length > 0);
    expect(lines()).toMatchObject([{ level: 40, code: "invalid_argument", face: "websocket" }]);
  });
});

describe("a malformed frame is a status, not a dropped socket:", () => {
  test.each([
    ["JSON that is cut off", '{"messages": [', /malformed JSON at position 14/],
    ["an empty text", "", /malformed JSON/],
    ["an array", "[]", /must be a JSON object/],
    ["bytes that are no protobuf", Uint8Array.of(0xff, 0xff, 0xff), /not a livellm.v1.RunStreamRequest/],
    ["protobuf that is cut off", Uint8Array.of(0x0a, 0x10, 0x01), /not a livellm.v1.RunStreamRequest/],
    ["an end that says more", '{"end": {"now": true}}', /end\.now: unknown field/],
    ["an end that is cut off", '{"end": ', /malformed JSON in the end frame/],
  ])("%s", async (_, frame, message) => {
    const client = await call(runStreamPath, frame);
    expect(await client.status()).toMatchObject({ code: "invalid_argument", message: expect.stringMatching(message) });
    expect(await client.closed).toEqual({ code: 1000, reason: "invalid_argument" });
  });

  test("unknown fields and wrong words, all of them with their paths", async () => {
    const client = await call(runStreamPath, { ...requestOf("x"), mesages: [], config: { maxStep: 1 } });
    const status = await client.status();
    expect(status.details?.[0]?.debug).toMatchObject({
      fieldViolations: [{ field: "mesages" }, { field: "config.maxStep" }],
    });
  });

  test("text that is not UTF-8", async () => {
    const { socket, received } = await openRaw(server, runStreamPath);
    socket.write(rawFrame("text", Uint8Array.of(0x22, 0xff, 0x22)));
    await until(() => received().includes('"status"'));
    expect(received()).toContain("the request is not UTF-8");
    socket.destroy();
  });

  test("a rule of the contract that is broken in the middle of a stream, after what was answered", async () => {
    const client = await call(transcribePath, opening, audio(3), { silence: { durationMs: -1 } });
    await client.closed;
    expect(client.frames).toMatchObject([
      { started: {} },
      segment("3"),
      {
        status: {
          code: "invalid_argument",
          details: [{ debug: { fieldViolations: [{ field: "silence.durationMs" }] } }, {}],
        },
      },
    ]);
  });
});

describe("a message", () => {
  test("may come byte by byte, and in many fragments with pings between them", async () => {
    const { socket, received } = await openRaw(server, runStreamPath);
    const text = JSON.stringify(requestOf("one"));
    const pieces = [...text].map((character, index) =>
      rawFrame(index === 0 ? "text" : "continuation", character, index === text.length - 1),
    );
    for (const byte of Buffer.concat([...pieces.slice(0, 5), rawFrame("ping", "hi"), ...pieces.slice(5)])) {
      socket.write(Uint8Array.of(byte));
      if (byte === 0x80) await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => received().includes('{"status":{"code":"ok"}}'));
    expect(received()).toContain("\u008a\u0002hi"); // the pong
    socket.destroy();
  });

  test("larger than the server takes is refused with a status, before it is read, then close 1009", async () => {
    const client = await call(runStreamPath, requestOf("x".repeat(100_001)));
    expect(await client.closed).toMatchObject({ code: 1009 });
    expect(client.frames).toMatchObject([
      { status: { code: "resource_exhausted", message: expect.stringContaining("larger") } },
    ]);
  });

  test("that is too large in the middle of a stream ends it so, too", async () => {
    const client = await call(transcribePath, opening);
    await until(() => client.frames.length === 1);
    client.send(new Uint8Array(100_001));
    expect(await client.status()).toMatchObject({ code: "resource_exhausted" });
  });

  test("in bytes that are no frame ends with a status, then close 1002", async () => {
    const { socket, received } = await openRaw(server, runStreamPath);
    socket.write(Buffer.alloc(20, 0xff));
    await until(() => received().includes('"status"'));
    expect(received()).toContain("no WebSocket frame");
    expect(received().slice(-4)).toBe("\u0088\u0002\u0003\u00ea"); // close, 1002
    socket.destroy();
  });

  test("never looks like a control frame: no request has a field of these names", () => {
    const files = [file_livellm_v1_transcription_service, file_livellm_v1_audio_service];
    const inputs = files.flatMap(({ services }) =>
      services.flatMap(({ methods }) => methods.map(({ input }) => input)),
    );
    expect(inputs.length).toBeGreaterThan(5);
    const names = [RunRequestSchema, ...inputs].flatMap(({ fields }) => fields.flatMap((f) => [f.name, f.jsonName]));
    expect(names.filter((name) => name === "headers" || name === "end")).toEqual([]);
  });
});

test("a server without the face answers an upgrade as the plain request it is", async () => {
  const plain = await startTestServer();
  await expect(open(plain, runStreamPath)).rejects.toThrow(/405/);
  await plain.close(0);
});
