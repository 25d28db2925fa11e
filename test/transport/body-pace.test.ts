import { once } from "node:events";
import http2 from "node:http2";
import net from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { requestOf, runPath, runStreamPath, startTestServer, type TestServer } from "./test-server.ts";

const bodyPace = { graceMs: 500, bytesPerSecond: 500, everyMs: 20 };

async function begin(server: TestServer, contentType: string, length: number): Promise<net.Socket> {
  const socket = net.connect(server.port, "127.0.0.1");
  socket.on("error", () => undefined); // being hung up on is an answer
  await once(socket, "connect");
  socket.write(
    `POST ${runPath} HTTP/1.1\r\nhost: a\r\ncontent-type: ${contentType}\r\ncontent-length: ${length}\r\n\r\n`,
  );
  return socket;
}

describe("the body of a request over HTTP/1.1", () => {
  test.each(["application/json", "application/proto"])("that drips is hung up on: %s", async (contentType) => {
    const server = await startTestServer({ listen: { bodyPace } });
    const socket = await begin(server, contentType, 9_999);
    const dripping = setInterval(() => socket.write(" "), 20);
    const [answer] = (await once(socket, "data")) as [Buffer];
    await once(socket, "close");
    clearInterval(dripping);
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 408 .*content-type: application\/json.*"code":"deadline_exceeded"/s);
    await server.close(0);
  });

  test("that drips is told so in gRPC-Web's words, where it speaks that", async () => {
    const server = await startTestServer({ listen: { bodyPace } });
    const socket = await begin(server, "application/grpc-web+proto", 9_999);
    const [answer] = (await once(socket, "data")) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 200 .*grpc-status: 4\r\ngrpc-message: the body of the request/s);
    await server.close(0);
  });

  test("may take its time as long as it moves, and the next one has as much", async () => {
    const server = await startTestServer({ listen: { bodyPace } });
    const body = Buffer.from(JSON.stringify(requestOf("x".repeat(3_000))));
    const socket = await begin(server, "application/json", body.length);
    const begun = performance.now();
    for (let at = 0; at < body.length; at += 100) {
      socket.write(body.subarray(at, at + 100));
      await wait(25);
    }
    expect(performance.now() - begun).toBeGreaterThan(bodyPace.graceMs);
    const [answer] = (await once(socket, "data")) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 200 /);
    socket.destroy();
    await server.close(0);
  });
});

const transcribePath = "/livellm.v1.TranscriptionService/TranscribeStream";

/** A call over HTTP/2 whose body is under way. */
function open(client: http2.ClientHttp2Session, path: string, headers: http2.OutgoingHttpHeaders) {
  return client.request({ ":method": "POST", ":path": path, ...headers }, { endStream: false });
}

/** What has come of a call, its trailers among the headers. */
async function answerTo(stream: http2.ClientHttp2Stream) {
  const headers: Record<string, unknown> = {};
  const chunks: Buffer[] = [];
  for (const event of ["response", "trailers"]) stream.on(event, (some) => Object.assign(headers, some));
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  await once(stream, "close");
  return { headers, text: Buffer.concat(chunks).toString(), rstCode: stream.rstCode };
}

/** The answer to a body that never gets to its end: the head of a message, and then a byte at a time. */
async function answerToDripping(stream: http2.ClientHttp2Stream) {
  stream.write(Buffer.from([0, 0, 0, 0x27, 0x0f]));
  const dripping = setInterval(() => stream.closed || stream.write("\0"), 20);
  try {
    return await answerTo(stream);
  } finally {
    clearInterval(dripping);
  }
}

const grpcStatus = { ":status": 200, "grpc-status": "4" };
const httpStatus = { ":status": 408 };

describe.each([true, false])("the body of a request over HTTP/2, with the hot path %s", (hotPath) => {
  test.each<[face: string, path: string, headers: http2.OutgoingHttpHeaders, status: object]>([
    ["gRPC, unary", runPath, { "content-type": "application/grpc", te: "trailers" }, grpcStatus],
    ["gRPC, stream", runStreamPath, { "content-type": "application/grpc+proto", te: "trailers" }, grpcStatus],
    ["gRPC, packed", runPath, { "content-type": "application/grpc", "grpc-encoding": "gzip" }, grpcStatus],
    ["gRPC-Web", runStreamPath, { "content-type": "application/grpc-web+proto" }, grpcStatus],
    ["Connect, unary", runPath, { "content-type": "application/proto" }, httpStatus],
    ["Connect, stream", runStreamPath, { "content-type": "application/connect+proto" }, httpStatus],
    ["plain JSON", runPath, { "content-type": "application/json" }, httpStatus],
    ["SSE", runStreamPath, { "content-type": "application/json", accept: "text/event-stream" }, httpStatus],
  ])("that drips is hung up on: %s", async (_, path, headers, status) => {
    const server = await startTestServer({ listen: { bodyPace }, hotPath });
    const client = http2.connect(server.url);
    const answer = await answerToDripping(open(client, path, headers));
    expect(answer).toMatchObject({ headers: status, rstCode: 0 });
    expect(`${answer.text}${answer.headers["grpc-message"]}`).toContain("the body of the request comes too slowly");
    client.destroy();
    await server.close(0);
  });

  test("may take its time as long as it moves, while others wait for what they hear, or say", async () => {
    const gate = Promise.withResolvers<void>();
    const server = await startTestServer({
      listen: { bodyPace },
      hotPath,
      agent: {
        async *runStream() {
          await gate.promise;
          yield { event: { case: "textDelta", value: { text: "late" } } };
        },
      },
    });
    const client = http2.connect(server.url);
    const silent = open(client, transcribePath, { "content-type": "application/grpc", te: "trailers" });
    const waiting = open(client, runStreamPath, { "content-type": "application/json" });
    waiting.end(JSON.stringify(requestOf("x")));
    const begun = performance.now();
    const moving = open(client, runPath, { "content-type": "application/json" });
    const body = Buffer.from(JSON.stringify(requestOf("x".repeat(3_000))));
    for (let at = 0; at < body.length; at += 100) {
      moving.write(body.subarray(at, at + 100));
      await wait(25);
    }
    moving.end();
    expect((await answerTo(moving)).headers).toMatchObject({ ":status": 200 });
    expect(performance.now() - begun).toBeGreaterThan(bodyPace.graceMs);
    // Their own look has come: one that began after them has been hung up on.
    await answerToDripping(open(client, runPath, { "content-type": "application/json" }));
    expect([silent.closed, waiting.closed]).toEqual([false, false]);
    silent.end();
    gate.resolve();
    expect((await answerTo(waiting)).text).toContain("late");
    client.destroy();
    await server.close(0);
  });
});
