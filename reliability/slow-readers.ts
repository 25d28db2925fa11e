import { once } from "node:events";
import http from "node:http";
import http2 from "node:http2";
import type { Readable } from "node:stream";
import { fromBinary, fromJson, type JsonObject, type JsonValue, toBinary, toJson } from "@bufbuild/protobuf";
import grpc from "@grpc/grpc-js";
import { WebSocket } from "ws";
import { RunStreamRequestSchema, RunStreamResponseSchema } from "../gen/livellm/v1/agent_service_pb.ts";
import { readEvents, readLines } from "./client-faces.ts";
import { startRelay } from "./stoppable-relay.ts";

/** A call whose answer nobody reads until somebody does. */
export interface SlowCall {
  /** Reads the answer to its end: its events in their JSON form, the one with the status too. */
  read(): AsyncIterable<JsonObject>;
  leave(): void;
}

/** A client of one framing that calls RunStream and then reads nothing from its socket. */
export interface SlowReader {
  readonly name: string;
  open(url: string, request: object): Promise<SlowCall>;
}

const path = "/livellm.v1.AgentService/RunStream";

/** Every framing of a stream that the gateway has. */
export const slowReaders: readonly SlowReader[] = [
  { name: "gRPC (grpc-js)", open: openGrpcJs },
  { name: "gRPC", open: (url, request) => openHttp2(url, "application/grpc", toEnvelope(request)) },
  { name: "gRPC-Web", open: (url, request) => openHttp1(url, "application/grpc-web+proto", toEnvelope(request)) },
  { name: "Connect", open: (url, request) => openHttp1(url, "application/connect+proto", toEnvelope(request)) },
  {
    name: "Connect over HTTP/2",
    open: (url, request) => openHttp2(url, "application/connect+proto", toEnvelope(request)),
  },
  { name: "SSE", open: (url, request) => openHttp1(url, "text/event-stream", JSON.stringify(request)) },
  { name: "NDJSON", open: (url, request) => openHttp1(url, "application/x-ndjson", JSON.stringify(request)) },
  { name: "WebSocket", open: openWebSocket },
];

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
async function openGrpcJs(url: string, request: object): Promise<SlowCall> {
  const relay = await startRelay(url);
  const options = { "grpc.max_receive_message_length": -1, "grpc.use_local_subchannel_pool": 1 };
  const client = new grpc.Client(relay.host, grpc.credentials.createInsecure(), options);
  const call = client.makeServerStreamRequest(path, encoded, decoded, request);
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

async function openHttp2(url: string, type: string, body: Buffer): Promise<SlowCall> {
  const session = http2.connect(url);
  session.on("error", () => undefined); // who leaves, hangs up
  const call = session.request({ ":method": "POST", ":path": path, "content-type": type, te: "trailers" });
  call.on("error", () => undefined);
  let status = "";
  call.on("trailers", (trailers) => {
    status = String(trailers["grpc-status"] ?? "");
  });
  call.end(body);
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

async function openHttp1(url: string, type: string, body: Buffer | string): Promise<SlowCall> {
  const headers = { "content-type": typeof body === "string" ? "application/json" : type, accept: type };
  const call = http.request(url + path, { method: "POST", headers, agent: false });
  call.on("error", () => undefined); // who leaves, hangs up
  call.end(body);
  const [response] = (await once(call, "response")) as [http.IncomingMessage];
  response.on("error", () => undefined);
  return { read: () => answerIn(response, type), leave: () => void call.destroy() };
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

async function openWebSocket(url: string, request: object): Promise<SlowCall> {
  const socket = new WebSocket(url.replace("http", "ws") + path);
  await once(socket, "open");
  socket.pause();
  socket.send(JSON.stringify(request));
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
