import type http2 from "node:http2";
import { create, toBinary } from "@bufbuild/protobuf";
import { TranscribeStreamRequestSchema } from "../gen/livellm/v1/transcription_service_pb.ts";
import { connect, enveloped, grpcHeaders, messageCounter } from "./load-clients.ts";
import { type PinnedProcess, pause } from "./pinned-process.ts";
import { urlOf } from "./relays.ts";

const path = "/livellm.v1.TranscriptionService/TranscribeStream";
const route = { targets: [{ provider: "mock", model: "m" }] };
const format = { mimeType: "audio/pcm", sampleRateHertz: 24_000 };
const start = envelopedInput({ case: "start", value: { route, format } });
/** 100 ms of PCM16 at 24 kHz. */
const frame = envelopedInput({ case: "audio", value: { data: new Uint8Array(4_800) } });

type Input = NonNullable<Parameters<typeof create<typeof TranscribeStreamRequestSchema>>[1]>["input"];

function envelopedInput(input: Input): Buffer {
  return enveloped(toBinary(TranscribeStreamRequestSchema, create(TranscribeStreamRequestSchema, { input })));
}

/** Frames acknowledged for each CPU-second of the server: 100 streams on 4 connections, a frame in flight on each. */
export async function framesPerCoreSecond(server: PinnedProcess, seconds: number): Promise<number> {
  const sessions = Array.from({ length: 4 }, () => connect(urlOf(server)));
  let acknowledged = 0;
  const streams = Array.from({ length: 100 }, (_, i) =>
    openStream(sessions[i % 4] as http2.ClientHttp2Session, (stream) => {
      acknowledged++;
      stream.write(frame);
    }),
  );
  await pause(700);
  const [before, cpu] = [acknowledged, server.cpuSeconds()];
  await pause(seconds * 1000);
  const frames = (acknowledged - before) / (server.cpuSeconds() - cpu);
  if (streams.some(({ closed }) => closed)) throw new Error("a stream has ended");
  for (const session of sessions) session.destroy();
  return frames;
}

/** Resident bytes that each of so many open streams takes while nothing is said on it; 100 on a connection. */
export async function idleStreamBytes(server: PinnedProcess, count: number): Promise<number> {
  const sessions = Array.from({ length: Math.ceil(count / 100) }, () => connect(urlOf(server)));
  let open = 0;
  const before = server.residentBytes();
  for (let i = 0; i < count; i++) {
    openStream(sessions[i % sessions.length] as http2.ClientHttp2Session, () => open++);
    if (i % 100 === 99) await pause(20);
  }
  for (let waits = 0; open < count && waits < 200; waits++) await pause(50);
  if (open < count) throw new Error(`only ${open} of ${count} streams are open`);
  await pause(2_000);
  const bytes = (server.residentBytes() - before) / count;
  for (const session of sessions) session.destroy();
  return bytes;
}

function openStream(session: http2.ClientHttp2Session, onAck: (stream: http2.ClientHttp2Stream) => void) {
  const stream = session.request({ ":method": "POST", ":path": path, ...grpcHeaders }, { endStream: false });
  stream.on("error", () => undefined);
  stream.on(
    "data",
    messageCounter(() => onAck(stream)),
  );
  stream.write(start);
  return stream;
}
