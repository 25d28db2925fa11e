import type http2 from "node:http2";
import { create, toBinary } from "@bufbuild/protobuf";
import { TranscribeStreamRequestSchema } from "../gen/livellm/v1/transcription_service_pb.ts";
import { startLiveVendor } from "./live-vendor.ts";
import { connect, enveloped, grpcHeaders } from "./load-clients.ts";
import { watchLoad } from "./machine-load.ts";
import { type PinnedProcess, pause } from "./pinned-process.ts";
import { startLivellm, urlOf } from "./relays.ts";

const path = "/livellm.v1.TranscriptionService/TranscribeStream";
const frameMs = 100;
/** OpenAI takes µ-law of 8,000 Hz as it is; of twice that, PCM16 of 24,000 Hz has to be made. */
const sampleRateHertz = 16_000;
const frameBytes = (sampleRateHertz * frameMs) / 1000;

/** What a load of live sessions has shown. */
export interface LiveSample {
  /** What the sessions would need of the gateway's cores: its CPU for each frame that came, times the frames there are. */
  readonly cores: number;
  /** How late each frame was, from the caller's write until the vendor had it, in milliseconds. */
  readonly lateMs: readonly number[];
  /** What a session takes of the gateway's memory while it is spoken in. */
  readonly sessionBytes: number;
  /** Of the callers' and the vendor's CPU. With a whole one they are late themselves. */
  readonly loadCores: number;
}

/**
 * So many callers speak µ-law at once, in frames of 100 ms in real time, each heard by a vendor's WebSocket as PCM16 at
 * 24,000 Hz. Measured for `seconds`, after two that are not.
 */
export async function liveRound(sessions: number, seconds: number): Promise<LiveSample> {
  const watch = new FrameWatch(sessions);
  const vendor = await startLiveVendor((session) => watch.heard(session));
  const gateway = await startLivellm();
  try {
    await createProvider(gateway, vendor.baseUrl);
    const residentBytes = gateway.residentBytes();
    const callers = await openCallers(gateway, sessions, watch);
    await pause(2_000);
    watch.begin();
    const cpu = gateway.cpuSeconds();
    const loadCores = watchLoad([]);
    await pause(seconds * 1000);
    const cpuSeconds = gateway.cpuSeconds() - cpu;
    const { heard, lateMs } = watch.end();
    const taken = { loadCores: loadCores(), sessionBytes: (gateway.residentBytes() - residentBytes) / sessions };
    callers.stop();
    if (heard === 0) throw new Error("no frame has come");
    return { cores: (cpuSeconds / heard) * sessions * (1000 / frameMs), lateMs, ...taken };
  } finally {
    await gateway.stop();
    vendor.close();
  }
}

/** When frames were sent, and how late they came; a session's frames come in their order. */
class FrameWatch {
  readonly #sentAt: number[][];
  #lateMs: number[] | undefined;

  constructor(sessions: number) {
    this.#sentAt = Array.from({ length: sessions }, () => []);
  }

  sent(session: number): void {
    this.#sentAt[session]?.push(performance.now());
  }

  heard(session: number): void {
    const sentAt = this.#sentAt[session]?.shift();
    if (sentAt !== undefined) this.#lateMs?.push(performance.now() - sentAt);
  }

  begin(): void {
    this.#lateMs = [];
  }

  /** Frames that have not come count as late as they are by now. */
  end(): { readonly heard: number; readonly lateMs: readonly number[] } {
    const now = performance.now();
    const missing = this.#sentAt.flatMap((times) => times.map((sentAt) => now - sentAt));
    const heard = this.#lateMs ?? [];
    this.#lateMs = undefined;
    return { heard: heard.length, lateMs: [...heard, ...missing] };
  }
}

async function createProvider(gateway: PinnedProcess, baseUrl: string): Promise<void> {
  const response = await fetch(`${urlOf(gateway)}/livellm.v1.ProvidersService/CreateProvider`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ provider: { id: "live", kind: "openai", apiKey: "none", baseUrl } }),
  });
  if (!response.ok) throw new Error(`the provider was not created: ${await response.text()}`);
}

const perConnection = 10;

/** Opens them spread over time, and has each speak from when it is accepted. Throws when one ends. */
async function openCallers(gateway: PinnedProcess, sessions: number, watch: FrameWatch) {
  const connections = Array.from({ length: Math.ceil(sessions / perConnection) }, () => connect(urlOf(gateway)));
  const streams: http2.ClientHttp2Stream[] = [];
  for (let session = 0; session < sessions; session++) {
    const connection = connections[session % connections.length] as http2.ClientHttp2Session;
    streams.push(openCaller(connection, session));
    if (session % 10 === 9) await pause(20);
  }
  await Promise.all(streams.map(accepted));
  const beginMs = performance.now();
  const timers = streams.map((stream, session) =>
    speak(stream, beginMs + (session * frameMs) / sessions, () => watch.sent(session)),
  );
  return {
    stop() {
      const ended = streams.filter(({ closed }) => closed).length;
      for (const stop of timers) stop();
      for (const connection of connections) connection.destroy();
      if (ended > 0) throw new Error(`${ended} live sessions have ended`);
    },
  };
}

function openCaller(connection: http2.ClientHttp2Session, session: number): http2.ClientHttp2Stream {
  const stream = connection.request({ ":method": "POST", ":path": path, ...grpcHeaders }, { endStream: false });
  stream.on("error", () => undefined);
  stream.write(input({ case: "start", value: startOf(session) }));
  return stream;
}

function startOf(session: number) {
  const options = { bench: session };
  const route = { targets: [{ provider: "live", model: "gpt-4o-transcribe", options }] };
  return { route, format: { mimeType: "audio/ulaw", sampleRateHertz } };
}

/** The answer's first message says so; the head alone comes with a heartbeat. */
function accepted(stream: http2.ClientHttp2Stream): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.once("data", () => resolve());
    stream.once("close", () => reject(new Error("a live session was not accepted")));
    stream.on("data", () => undefined);
  });
}

/** A frame every 100 ms by the clock, not by the timer: one that is late does not make the next one so. */
function speak(stream: http2.ClientHttp2Stream, firstAtMs: number, onFrame: () => void): () => void {
  let next = firstAtMs;
  let timer: NodeJS.Timeout;
  const tick = () => {
    onFrame();
    stream.write(frame);
    next += frameMs;
    timer = setTimeout(tick, Math.max(1, next - performance.now()));
  };
  timer = setTimeout(tick, Math.max(1, next - performance.now()));
  return () => clearTimeout(timer);
}

const frame = input({ case: "audio", value: { data: noise(frameBytes) } });

type Input = NonNullable<Parameters<typeof create<typeof TranscribeStreamRequestSchema>>[1]>["input"];

function input(value: Input): Buffer {
  return enveloped(toBinary(TranscribeStreamRequestSchema, create(TranscribeStreamRequestSchema, { input: value })));
}

function noise(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 2_654_435_761) >>> 24);
}
