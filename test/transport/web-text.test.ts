import http2 from "node:http2";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  RunRequestSchema,
  RunResponseSchema,
  RunStreamRequestSchema,
  RunStreamResponseSchema,
} from "../../gen/livellm/v1/agent_service_pb.ts";
import { LivellmError } from "../../src/core/error.ts";
import { base64Decoder } from "../../src/transport/base64-stream.ts";
import { requestOf, runPath, runStreamPath, startTestServer, type TestServer, until } from "./test-server.ts";

const origin = "https://app.example.com";
const contentType = "application/grpc-web-text+proto";
const headers = { "content-type": contentType, "x-grpc-web": "1", origin };

let server: TestServer;
let signal: AbortSignal | undefined;

beforeAll(async () => {
  server = await startTestServer({
    allowedOrigins: [origin],
    agent: {
      run: ({ messages }) => ({ text: `echo: ${messages[0]?.text}` }),
      async *runStream({ messages }, context) {
        signal = context.signal;
        const text = messages[0]?.text ?? "";
        for (const word of text.split(" ")) yield { event: { case: "textDelta", value: { text: word } } };
        if (text.endsWith("fail")) throw new LivellmError("unavailable", "stream_broken", "cut off");
        if (text.endsWith("wait")) {
          await new Promise((_, reject) => context.signal.addEventListener("abort", () => reject(new Error("x"))));
        }
      },
    },
  });
});
afterAll(() => server.close(0));

/** One frame of gRPC-Web in base64, as Google's client sends it. */
function sent(message: Uint8Array): string {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]).toString("base64");
}

const unary = (text: string) => sent(toBinary(RunRequestSchema, create(RunRequestSchema, requestOf(text))));
const streamed = (text: string) =>
  sent(toBinary(RunStreamRequestSchema, create(RunStreamRequestSchema, requestOf(text))));

/** The frames of an answer, padded wherever the server has flushed. */
async function framesOf(text: string): Promise<readonly { readonly flags: number; readonly bytes: Buffer }[]> {
  const decoder = base64Decoder();
  decoder.end(text);
  let rest = Buffer.concat(await decoder.toArray());
  const frames: { flags: number; bytes: Buffer }[] = [];
  while (rest.length > 0) {
    const end = 5 + rest.readUInt32BE(1);
    frames.push({ flags: rest[0] ?? 0, bytes: rest.subarray(5, end) });
    rest = rest.subarray(end);
  }
  return frames;
}

const trailersOf = (frames: Awaited<ReturnType<typeof framesOf>>) => frames.at(-1)?.bytes.toString() ?? "";

describe("gRPC-Web's text form", () => {
  const post = (path: string, body: string | ReadableStream, more: RequestInit = {}) =>
    fetch(server.url + path, { method: "POST", headers, body, ...more });

  test("answers a unary call, for pages of an allowed origin", async () => {
    const answer = await post(runPath, unary("hi"));
    expect([answer.status, answer.headers.get("content-type")]).toEqual([200, contentType]);
    expect(answer.headers.get("access-control-allow-origin")).toBe(origin);
    const frames = await framesOf(await answer.text());
    expect(frames.map(({ flags }) => flags)).toEqual([0, 0x80]);
    expect(fromBinary(RunResponseSchema, frames[0]?.bytes ?? Buffer.of()).text).toBe("echo: hi");
    expect(trailersOf(frames)).toContain("grpc-status: 0");
  });

  test("reads a request that comes a letter at a time", async () => {
    const letters = ReadableStream.from(Array.from(unary("slowly"), (letter) => Buffer.from(letter)));
    const answer = await post(runPath, letters, { duplex: "half" } as RequestInit);
    const [message] = await framesOf(await answer.text());
    expect(fromBinary(RunResponseSchema, message?.bytes ?? Buffer.of()).text).toBe("echo: slowly");
  });

  test("streams, and has the status at the end, and so over HTTP/2", async () => {
    const over1 = await (await post(runStreamPath, streamed("one two fail"))).text();
    for (const text of [over1, await overHttp2(streamed("one two fail"))]) {
      const frames = await framesOf(text);
      const words = frames.slice(0, -1).map(({ bytes }) => fromBinary(RunStreamResponseSchema, bytes).event.value);
      expect(words).toMatchObject([{ text: "one" }, { text: "two" }, { text: "fail" }]);
      expect(trailersOf(frames)).toMatch(/grpc-status: 14\r\n/);
      expect(trailersOf(frames)).toMatch(/grpc-message: cut%20off\r\n/);
    }
  });

  test("is told of a broken rule, and of a method that there is not", async () => {
    const frames = await framesOf(await (await post(runPath, sent(new Uint8Array()))).text());
    expect(trailersOf(frames)).toMatch(/grpc-status: 3\r\n/);
    const unknown = await post("/livellm.v1.AgentService/Nothing", unary("hi"));
    expect([unknown.status, unknown.headers.get("grpc-status")]).toEqual([200, "12"]);
  });

  test("a page that leaves cancels the call", async () => {
    const controller = new AbortController();
    const answer = await post(runStreamPath, streamed("one wait"), { signal: controller.signal });
    await answer.body?.getReader().read();
    controller.abort();
    await until(() => signal?.aborted === true);
  });
});

function overHttp2(body: string): Promise<string> {
  const session = http2.connect(server.url);
  const stream = session.request({ ":method": "POST", ":path": runStreamPath, ...headers });
  stream.end(body);
  return stream.toArray().then((chunks: Buffer[]) => {
    session.close();
    return Buffer.concat(chunks).toString();
  });
}

test("base64 that was flushed in pieces is decoded, wherever it is cut", async () => {
  const text = ["a", "bc", "def", "ä"].map((piece) => Buffer.from(piece).toString("base64")).join("");
  for (let cut = 0; cut <= text.length; cut++) {
    const decoder = base64Decoder();
    decoder.write(text.slice(0, cut));
    decoder.end(text.slice(cut));
    expect(Buffer.concat(await decoder.toArray()).toString()).toBe("abcdefä");
  }
});
