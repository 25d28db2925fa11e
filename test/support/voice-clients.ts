import { once } from "node:events";
import { fromJson, type JsonObject, type JsonValue, toJson } from "@bufbuild/protobuf";
import { createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { WebSocket } from "ws";
import { AudioService, SpeakRequestSchema } from "../../gen/livellm/v1/audio_service_pb.ts";
import {
  TranscribeStreamRequestSchema,
  TranscribeStreamResponseSchema,
  TranscriptionService,
} from "../../gen/livellm/v1/transcription_service_pb.ts";
import { createGrpcClient, type LoadedMessage } from "./grpc-client.ts";

/** Audio in pieces; a test may wait, or do something, between two of them. */
export type Frames = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** A client of the voice services, by one of the ways there are. Requests and events in their JSON form. */
export interface VoiceClient {
  readonly name: string;
  /** The audio of AudioService.Speak. */
  speak(url: string, request: object): Promise<Uint8Array>;
  /** One session of TranscribeStream: its events, heartbeats left out. Throws when the session fails. */
  transcribe(url: string, start: object, frames: Frames): Promise<readonly JsonObject[]>;
}

/** A live session that nobody waits for longer. */
const longestMs = 60_000;

const grpcJs: VoiceClient = {
  name: "grpc-js",
  async speak(url, request) {
    using client = createGrpcClient(url);
    return (await client.unary("AudioService/Speak", request)).audio as Buffer;
  },
  async transcribe(url, start, frames) {
    using client = createGrpcClient(url);
    const call = client.duplex("TranscriptionService/TranscribeStream", {
      deadline: new Date(Date.now() + longestMs),
    });
    const events = eventsOf(call as AsyncIterable<LoadedMessage>);
    const write = async (message: object) => void (call.write(message) || (await once(call, "drain")));
    await write({ start });
    for await (const data of frames) await write({ audio: { data } });
    call.end();
    return await events;
  },
};

async function eventsOf(call: AsyncIterable<LoadedMessage>): Promise<readonly JsonObject[]> {
  const events = await Array.fromAsync(call, ({ event, ...fields }) => ({ [String(event)]: fields[String(event)] }));
  return events.filter(({ heartbeat }) => heartbeat === undefined) as unknown as readonly JsonObject[];
}

function connectClient(name: string, transport: (baseUrl: string) => Transport): VoiceClient {
  return {
    name,
    async speak(url, request) {
      const client = createClient(AudioService, transport(url));
      return (await client.speak(fromJson(SpeakRequestSchema, request as JsonValue))).audio;
    },
    async transcribe(url, start, frames) {
      const client = createClient(TranscriptionService, transport(url));
      const answers = client.transcribeStream(requests(start, frames), { timeoutMs: longestMs });
      const events = await Array.fromAsync(
        answers,
        (answer) => toJson(TranscribeStreamResponseSchema, answer) as JsonObject,
      );
      return events.filter(({ heartbeat }) => heartbeat === undefined);
    },
  };
}

async function* requests(start: object, frames: Frames) {
  yield fromJson(TranscribeStreamRequestSchema, { start } as JsonValue);
  for await (const data of frames) yield { input: { case: "audio" as const, value: { data: new Uint8Array(data) } } };
}

const webSocket: VoiceClient = {
  name: "a WebSocket",
  speak: (url, request) => grpcJs.speak(url, request),
  async transcribe(url, start, frames) {
    const socket = new WebSocket(`${url.replace("http", "ws")}/livellm.v1.TranscriptionService/TranscribeStream`);
    const events: JsonObject[] = [];
    socket.on("message", (data: Buffer) => void events.push(JSON.parse(data.toString()) as JsonObject));
    const closed = once(socket, "close");
    await once(socket, "open");
    const send = (message: object) => new Promise((resolve) => socket.send(JSON.stringify(message), resolve));
    await send({ start });
    for await (const data of frames) await send({ audio: { data: Buffer.from(data).toString("base64") } });
    await send({ end: {} });
    await closed;
    const status = events.pop()?.status as JsonObject | undefined;
    if (status?.code !== "ok") throw new Error(`the session failed: ${JSON.stringify(status)}`);
    return events.filter(({ heartbeat }) => heartbeat === undefined);
  },
};

/** Every way in but the browser's. */
export const voiceClients: readonly VoiceClient[] = [
  grpcJs,
  connectClient("connect-node over HTTP/2", (baseUrl) =>
    createConnectTransport({ baseUrl, httpVersion: "2", useBinaryFormat: true }),
  ),
  connectClient("connect-node over gRPC", (baseUrl) => createGrpcTransport({ baseUrl })),
  webSocket,
];

/** Pieces of this many bytes; the last may be shorter. */
export function* framesOf(audio: Uint8Array, bytes: number): Generator<Uint8Array> {
  for (let at = 0; at < audio.length; at += bytes) yield audio.subarray(at, at + bytes);
}
