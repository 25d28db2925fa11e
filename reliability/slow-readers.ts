import { once } from "node:events";
import http from "node:http";
import http2 from "node:http2";
import type { Readable } from "node:stream";
import { fromBinary, fromJson, type JsonObject, type JsonValue, toBinary, toJson } from "@bufbuild/protobuf";
import grpc from "@grpc/grpc-js";
import { WebSocket } from "ws";
import { RunStreamRequestSchema, RunStreamResponseSchema } from "../gen/livellm/v1/agent_service_pb.ts";
import { requestTo } from "../test/support/echo-request.ts";
import { readEvents, readLines } from "./client-faces.ts";
import { startRelay } from "./stoppable-relay.ts";

/** A call whose answer nobody reads until somebody does. */
export interface SlowCall {
  /** Reads the answer to its end: its events in their JSON form, the one with the status too. */
  read(): AsyncIterable<JsonObject>;
  leave(): void;
}

/** Who is to answer, of a gateway. */
export interface Asked {
  /** The gateway. */
  readonly url: string;
  /** The id of a provider that it has. */
  readonly provider: string;
  /** Where that provider is called. */
  readonly baseUrl: string;
}

/** A client of one framing that asks for a stream and then reads nothing from its socket. */
export interface SlowReader {
  readonly name: string;
  /** The ids of the providers that alone can be asked: for who goes on, and for who leaves. Any when unset. */
  readonly providers?: readonly [string, string];
  open(asked: Asked): Promise<SlowCall>;
}

const path = "/livellm.v1.AgentService/RunStream";

/** Every framing of a stream that the contract has. */
export const slowReaders: readonly SlowReader[] = [
  { name: "gRPC (grpc-js)", open: openGrpcJs },
  { name: "gRPC", open: (asked) => openHttp2(asked, "application/grpc") },
  { name: "gRPC-Web", open: (asked) => openHttp1(asked, "application/grpc-web+proto") },
  { name: "Connect", open: (asked) => openHttp1(asked, "application/connect+proto") },
  { name: "Connect over HTTP/2", open: (asked) => openHttp2(asked, "application/connect+proto") },
  { name: "SSE", open: (asked) => openHttp1(asked, "text/event-stream") },
  { name: "NDJSON", open: (asked) => openHttp1(asked, "application/x-ndjson") },
  { name: "WebSocket", open: openWebSocket },
];

function requestOf({ provider }: Asked): object {
  return requestTo([{ provider, model: "m-1" }]);
}

/** The flags and the length before it, then the message: what gRPC, gRPC-Web and Connect share. */
function toEnvelope(request: object): Buffer {
  const message = encoded(request);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/**
 * The client of most gRPC programs in this language. It reads ahead without a bound, whatever its program does: what stops is
 * its socket.
 */
async function openGrpcJs(asked: Asked): Promise<SlowCall> {
  const relay = await startRelay(asked.url);
  const options = { "grpc.max_receive_message_length": -1, "grpc.use_local_subchannel_pool": 1 };
  const client = new grpc.Client(relay.host, grpc.credentials.createInsecure(), options);
  const call = client.makeServerStreamRequest(path, encoded, decoded, requestOf(asked));
  call.on("error", () => undefined); // who leaves, cancels
  await once(call, "metadata");
  relay.stop();
  const close = () => {
    client.close();
    relay.close();
  };
  return {
    async *read() {
      relay.goOn();
      yield* call as AsyncIterable<JsonObject>;
      yield { status: { code: "ok" } };
      close();
    },
    leave() {
      call.cancel();
      close();
    },
  };
}

function encoded(request: object): Buffer {
  return Buffer.from(toBinary(RunStreamRequestSchema, fromJson(RunStreamRequestSchema, request as JsonValue)));
}

function decoded(message: Uint8Array): JsonObject {
  return toJson(RunStreamResponseSchema, fromBinary(RunStreamResponseSchema, message)) as JsonObject;
}

async function openHttp2(asked: Asked, type: string): Promise<SlowCall> {
  const session = http2.connect(asked.url);
  session.on("error", () => undefined); // who leaves, hangs up
  const call = session.request({ ":method": "POST", ":path": path, "content-type": type, te: "trailers" });
  call.on("error", () => undefined);
  let status = "";
  call.on("trailers", (trailers) => {
    status = String(trailers["grpc-status"] ?? "");
  });
  call.end(toEnvelope(requestOf(asked)));
  await once(call, "response");
  return {
    async *read() {
      yield* fromEnvelopes(call);
      if (status !== "") yield { status: { code: status === "0" ? "ok" : status } };
      session.close();
    },
    leave: () => session.destroy(),
  };
}

function openHttp1(asked: Asked, type: string): Promise<SlowCall> {
  const request = requestOf(asked);
  const isPlain = type === "text/event-stream" || type === "application/x-ndjson";
  return openPost(asked.url + path, {
    headers: { "content-type": isPlain ? "application/json" : type, accept: type },
    body: isPlain ? JSON.stringify(request) : toEnvelope(request),
    read: (response) => answerIn(response, type),
  });
}

/** What is sent, and how the answer is read once it is. */
export interface Post {
  readonly headers: http.OutgoingHttpHeaders;
  readonly body: string | Buffer;
  read(response: Readable): AsyncIterable<JsonObject>;
}

/** A call over HTTP/1.1 whose answer has begun. */
export async function openPost(url: string, { headers, body, read }: Post): Promise<SlowCall> {
  const call = http.request(url, { method: "POST", headers, agent: false });
  call.on("error", () => undefined); // who leaves, hangs up
  call.end(body);
  const [response] = (await once(call, "response")) as [http.IncomingMessage];
  response.on("error", () => undefined);
  return { read: () => read(response), leave: () => void call.destroy() };
}

function answerIn(response: Readable, type: string): AsyncIterable<JsonObject> {
  if (type === "text/event-stream") return readEvents(response.setEncoding("utf8"));
  if (type === "application/x-ndjson") return readLines(response.setEncoding("utf8"));
  return fromEnvelopes(response);
}

const endOfConnect = 0b10;
const endOfGrpcWeb = 0b1000_0000;

async function* fromEnvelopes(body: AsyncIterable<Buffer>): AsyncGenerator<JsonObject> {
  for await (const { flags, data } of envelopes(body)) {
    if (flags === endOfConnect) yield { status: statusOfConnect(data) };
    else if (flags === endOfGrpcWeb) yield { status: statusOfGrpcWeb(data) };
    else yield decoded(data);
  }
}

function statusOfConnect(data: Buffer): JsonObject {
  const { error } = JSON.parse(data.toString()) as { readonly error?: JsonObject };
  return error ?? { code: "ok" };
}

function statusOfGrpcWeb(data: Buffer): JsonObject {
  const code = /grpc-status:\s*(\d+)/i.exec(data.toString())?.[1] ?? "";
  return { code: code === "0" ? "ok" : code };
}

async function* envelopes(body: AsyncIterable<Buffer>) {
  let held: Buffer[] = [];
  let needed = 5;
  for await (const chunk of body) {
    held.push(chunk);
    if (held.reduce((sum, { length }) => sum + length, 0) < needed) continue;
    let rest = Buffer.concat(held);
    for (needed = lengthOfFirst(rest); rest.length >= needed; needed = lengthOfFirst(rest)) {
      yield { flags: rest[0], data: rest.subarray(5, needed) };
      rest = rest.subarray(needed);
    }
    held = [rest];
  }
}

function lengthOfFirst(bytes: Buffer): number {
  return bytes.length < 5 ? 5 : 5 + bytes.readUInt32BE(1);
}

async function openWebSocket(asked: Asked): Promise<SlowCall> {
  const socket = await openPaused(asked.url + path, requestOf(asked));
  return {
    async *read() {
      const lines: JsonObject[] = [];
      socket.on("message", (data) => lines.push(JSON.parse(String(data)) as JsonObject));
      socket.resume();
      await once(socket, "close");
      yield* lines;
    },
    leave: () => socket.terminate(),
  };
}

/** A WebSocket that has said this, and reads nothing. */
export async function openPaused(url: string, message: object): Promise<WebSocket> {
  const socket = new WebSocket(url.replace("http", "ws"));
  await once(socket, "open");
  socket.pause();
  socket.send(JSON.stringify(message));
  return socket;
}
