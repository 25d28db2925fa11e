import {
  type DescMessage,
  type DescMethod,
  type DescMethodBiDiStreaming,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  fromBinary,
  fromJson,
  type JsonObject,
  type JsonValue,
  type Message,
  toBinary,
  toJson,
} from "@bufbuild/protobuf";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { createParser } from "eventsource-parser";
import { WebSocket } from "ws";
import { ErrorDetailSchema } from "../gen/livellm/v1/error_pb.ts";
import type { StreamOutcome, StreamStatus } from "../test/support/faces.ts";

/** A call, whose answer may be a stream. Messages in their JSON form. */
export interface FaceCall {
  readonly method: DescMethodUnary | DescMethodServerStreaming | DescMethodBiDiStreaming;
  readonly requests: Iterable<object> | AsyncIterable<object>;
  /** Sees each event as it comes, heartbeats left out. */
  readonly onEvent?: (event: JsonObject) => void;
  /** False: events are read and let go, for answers without an end. */
  readonly keeps?: boolean;
}

/** One framing of a call, through a client that keeps its connections. */
export interface ClientFace {
  readonly name: string;
  /** Whether the client's side may stream too. */
  readonly isDuplex: boolean;
  /** Rejects when the stream ends without a status. */
  call(call: FaceCall, signal: AbortSignal): Promise<StreamOutcome>;
}

/** Every framing of a stream that the gateway has. */
export function openFaces(url: string): readonly ClientFace[] {
  return [
    rpcFace("gRPC", true, createGrpcTransport({ baseUrl: url })),
    rpcFace("gRPC-Web", false, createGrpcWebTransport({ baseUrl: url, httpVersion: "1.1" })),
    rpcFace("Connect", true, createConnectTransport({ baseUrl: url, httpVersion: "2", useBinaryFormat: true })),
    plainFace("SSE", url, "text/event-stream", readEvents),
    plainFace("NDJSON", url, "application/x-ndjson", readLines),
    webSocketFace("WebSocket", url, false),
    webSocketFace("WebSocket, binary", url, true),
  ];
}

/** Every framing of a unary call. */
export function openUnaryFaces(url: string): readonly ClientFace[] {
  const faces = openFaces(url).filter(({ name }) => name !== "SSE" && name !== "NDJSON");
  return [...faces, plainFace("JSON", url, "application/json", readLines)];
}

function rpcFace(name: string, isDuplex: boolean, transport: Transport): ClientFace {
  return {
    name,
    isDuplex,
    async call({ method, requests, onEvent, keeps = true }, signal) {
      const events: JsonObject[] = [];
      try {
        for await (const message of answersOf(transport, { method, requests }, signal)) {
          if (keeps) keep(events, toJson(method.output, message as Message) as JsonObject, onEvent);
        }
        return { events, status: { code: "ok", message: "", detail: undefined } };
      } catch (error) {
        return { events, status: statusOf(ConnectError.from(error)) };
      }
    },
  };
}

async function* answersOf(
  transport: Transport,
  { method, requests }: Pick<FaceCall, "method" | "requests">,
  signal: AbortSignal,
): AsyncGenerator<Message> {
  if (method.methodKind === "unary") {
    const [request] = await Array.fromAsync(requests);
    const message = fromJson(method.input, request as JsonValue);
    yield (await transport.unary(method, signal, undefined, undefined, message)).message;
  } else {
    const answer = await transport.stream(method, signal, undefined, undefined, messages(method.input, requests));
    yield* answer.message;
  }
}

async function* messages(schema: DescMessage, requests: FaceCall["requests"]): AsyncGenerator<Message> {
  for await (const request of requests) yield fromJson(schema, request as JsonValue);
}

function keep(events: JsonObject[], event: JsonObject, onEvent: FaceCall["onEvent"]): void {
  if (event.heartbeat !== undefined) return;
  events.push(event);
  onEvent?.(event);
}

function statusOf(error: ConnectError): StreamStatus {
  const [detail] = error.findDetails(ErrorDetailSchema);
  const code = (Code[error.code] ?? "").replace(/(?<=[a-z])[A-Z]/g, (letter) => `_${letter}`).toLowerCase();
  return { code, message: error.rawMessage, detail: detail && (toJson(ErrorDetailSchema, detail) as JsonObject) };
}

function plainFace(
  name: string,
  url: string,
  accept: string,
  read: (body: AsyncIterable<string>) => AsyncIterable<JsonObject>,
): ClientFace {
  return {
    name,
    isDuplex: false,
    async call({ method, requests, onEvent }, signal) {
      const [request] = await Array.fromAsync(requests);
      const headers = { "content-type": "application/json", accept };
      const init = { method: "POST", headers, body: JSON.stringify(request), signal };
      const response = await fetch(url + pathOf(method), init);
      if (!response.ok) return { events: [], status: readStatus((await response.json()) as JsonObject) };
      const ok = { code: "ok", message: "", detail: undefined };
      if (method.methodKind === "unary") return { events: [(await response.json()) as JsonObject], status: ok };
      const events: JsonObject[] = [];
      const body = response.body?.pipeThrough(new TextDecoderStream()) ?? [];
      for await (const line of read(body as AsyncIterable<string>)) {
        if (line.status !== undefined) return { events, status: readStatus(line.status as JsonObject) };
        keep(events, line, onEvent);
      }
      throw new Error(`${name}: the body ended without a status after ${events.length} events`);
    },
  };
}

function pathOf({ parent, name }: DescMethod): string {
  return `/${parent.typeName}/${name}`;
}

/** JSON lines, as they come. */
export async function* readLines(body: AsyncIterable<string>): AsyncGenerator<JsonObject> {
  const held: string[] = [];
  for await (const text of body) {
    const lines = text.split("\n");
    const rest = lines.pop() ?? "";
    for (const line of lines) yield JSON.parse(held.splice(0).join("") + line) as JsonObject;
    held.push(rest);
  }
}

/** The data of server-sent events, as they come. */
export async function* readEvents(body: AsyncIterable<string>): AsyncGenerator<JsonObject> {
  const ready: JsonObject[] = [];
  const parser = createParser({ onEvent: ({ data }) => void ready.push(JSON.parse(data) as JsonObject) });
  for await (const text of body) {
    parser.feed(text);
    yield* ready.splice(0);
  }
}

function readStatus({ code, message, details }: JsonObject): StreamStatus {
  const all = Array.isArray(details) ? (details as JsonObject[]) : [];
  const ours = all.find(({ type }) => type === "livellm.v1.ErrorDetail");
  return { code: String(code), message: String(message ?? ""), detail: ours?.debug as JsonObject | undefined };
}

function webSocketFace(name: string, url: string, isBinary: boolean): ClientFace {
  return {
    name,
    isDuplex: true,
    call: ({ method, requests, onEvent }, signal) =>
      new Promise((resolve, reject) => {
        const socket = new WebSocket(url.replace("http", "ws") + pathOf(method));
        const events: JsonObject[] = [];
        let status: StreamStatus | undefined;
        const leave = () => socket.terminate();
        signal.addEventListener("abort", leave, { once: true });
        socket.on("open", () => void sendAll(socket, method, requests, isBinary));
        socket.on("message", (data: Buffer, binary) => {
          const line = decode(method, data, binary);
          if (line.status !== undefined) status = readStatus(line.status as JsonObject);
          else keep(events, line, onEvent);
        });
        socket.on("error", () => undefined); // `close` follows
        socket.on("close", () => {
          signal.removeEventListener("abort", leave);
          if (status) resolve({ events, status });
          else reject(new Error(`${name}: closed without a status after ${events.length} events`));
        });
      }),
  };
}

/** Sends no more when the other side has gone. */
async function sendAll(
  socket: WebSocket,
  { input }: DescMethod,
  requests: FaceCall["requests"],
  isBinary: boolean,
): Promise<void> {
  const send = (data: string | Uint8Array) => new Promise((resolve) => socket.send(data, resolve));
  for await (const request of requests) {
    if (socket.readyState !== WebSocket.OPEN) return;
    await send(isBinary ? toBinary(input, fromJson(input, request as JsonValue)) : JSON.stringify(request));
  }
  await send('{"end": {}}');
}

function decode({ output }: DescMethod, data: Buffer, isBinary: boolean): JsonObject {
  if (!isBinary) return JSON.parse(data.toString()) as JsonObject;
  return toJson(output, fromBinary(output, data)) as JsonObject;
}
