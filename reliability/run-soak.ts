import { setTimeout as wait } from "node:timers/promises";
import { AgentService } from "../gen/livellm/v1/agent_service_pb.ts";
import { TranscriptionService } from "../gen/livellm/v1/transcription_service_pb.ts";
import { quiet, tone } from "../test/providers/speech-driving.ts";
import type { StreamOutcome } from "../test/support/faces.ts";
import { startFakeAsr } from "../test/support/fake-asr.ts";
import { toBytes } from "../test/support/fake-sessions.ts";
import { createProvider } from "../test/support/json-call.ts";
import { type ClientFace, openFaces } from "./client-faces.ts";
import type { FaultGateway } from "./fault-gateway.ts";
import { type MemorySample, slopePerHour } from "./memory-slope.ts";
import { startTalkingVendor } from "./soak-vendors.ts";
import { mebibytes } from "./verdict.ts";

export interface SoakFigures {
  readonly streams: number;
  readonly sessions: number;
  /** Calls that ended otherwise than ok. */
  readonly failed: number;
  /** The first of them, as `code: message`. */
  readonly failures: readonly string[];
  /** Under load, after the warm-up, a third of the time. */
  readonly slopeBytesPerHour: number;
  readonly residentBytes: { readonly warm: number; readonly end: number };
  /** The same a minute after the load has ended: at the end of the warm-up, and at the end. */
  readonly atRest: { readonly warm: number; readonly end: number; readonly slopeBytesPerHour: number };
  /** What its objects take at rest, without the pages that are kept for more of them: what leaks is in here. */
  readonly heapAtRest: { readonly warm: number; readonly end: number; readonly slopeBytesPerHour: number };
  /** What a burst of ten times as many streams added, the share of it that was given back, and after how long. */
  readonly burst: { readonly growthBytes: number; readonly givenBack: number; readonly tookMs: number };
}

export interface SoakRun {
  readonly minutes: number;
  readonly streamsAtOnce: number;
  readonly sessionsAtOnce: number;
  /** How long after a burst the memory may take to fall. */
  readonly restMs: number;
  /** Told once a minute how it stands. */
  readonly onProgress?: (text: string) => void;
}

const rate = 16_000;
const frameMs = 20;

/** Keeps so many streams and sessions going, one after the other ended, and watches the gateway's memory. */
export async function runSoak(gateway: FaultGateway, run: SoakRun): Promise<SoakFigures> {
  await using vendor = await startTalkingVendor(100, 50);
  await using ears = await startFakeAsr({ recognise: async () => "la", forgets: true });
  await createProvider(gateway.url, { id: "talks", kind: "openai-compatible", baseUrl: vendor.baseUrl });
  await createProvider(gateway.url, { id: "hears", kind: "livellm-asr", baseUrl: ears.url });
  const faces = openFaces(gateway.url);
  const duplex = faces.filter(({ isDuplex }) => isDuplex);
  const tally: Tally = { streams: 0, sessions: 0, failed: 0, failures: [] };
  const load = async (milliseconds: number) => {
    const until = performance.now() + milliseconds;
    const streamer = async (i: number) => {
      for (; performance.now() < until; tally.streams++) note(tally, await outcomeOf(stream(faceAt(faces, i))));
    };
    const listener = async (i: number) => {
      for (; performance.now() < until; tally.sessions++) note(tally, await outcomeOf(session(faceAt(duplex, i))));
    };
    await Promise.all([...times(run.streamsAtOnce, streamer), ...times(run.sessionsAtOnce, listener)]);
  };
  const milliseconds = run.minutes * 60_000;
  const progress = setInterval(() => run.onProgress?.(standing(tally, gateway)), 60_000);
  await load(milliseconds / 3);
  const warm = await atRest(gateway, milliseconds);
  const memory = watchMemory(gateway);
  await load((milliseconds * 2) / 3);
  const samples = memory.stop();
  // After the rest before it memory climbs to where it was: that is no slope.
  const last = samples.slice(samples.length / 2);
  const end = await atRest(gateway, milliseconds);
  clearInterval(progress);
  const burst = await measureBurst(gateway, faces, run);
  return {
    ...tally,
    slopeBytesPerHour: slopePerHour(last),
    residentBytes: { warm: last[0]?.bytes ?? 0, end: last.at(-1)?.bytes ?? 0 },
    atRest: between(warm.resident, end.resident),
    heapAtRest: between(warm.heap, end.heap),
    burst,
  };
}

function between(warm: MemorySample, end: MemorySample): SoakFigures["atRest"] {
  return { warm: warm.bytes, end: end.bytes, slopeBytesPerHour: slopePerHour([warm, end]) };
}

interface Rest {
  readonly resident: MemorySample;
  readonly heap: MemorySample;
}

/** What stays when there is little to do for a while: under load memory is as much as the highest wave there was. */
async function atRest(gateway: FaultGateway, milliseconds: number): Promise<Rest> {
  await wait(Math.min(60_000, milliseconds / 4));
  const atMs = performance.now();
  return {
    resident: { atMs, bytes: gateway.residentBytes() },
    heap: { atMs, bytes: await heapBytes(gateway) },
  };
}

/** As the gateway itself tells. */
async function heapBytes({ url }: FaultGateway): Promise<number> {
  const metrics = await (await fetch(`${url}/metrics`)).text();
  const [, bytes] = /^v8js_memory_heap_used_bytes(?:\{.*\})? (\S+)$/m.exec(metrics) ?? [];
  if (bytes === undefined) throw new Error("the metrics tell nothing of the heap");
  return Number(bytes);
}

function faceAt(faces: readonly ClientFace[], i: number): ClientFace {
  const face = faces[i % faces.length];
  if (!face) throw new Error("there is no face");
  return face;
}

function times(count: number, work: (i: number) => Promise<void>): readonly Promise<void>[] {
  return Array.from({ length: count }, (_, i) => work(i));
}

interface Tally {
  streams: number;
  sessions: number;
  failed: number;
  readonly failures: string[];
}

/** An hour of work does not end at a call without a status: that is a failure like others. */
async function outcomeOf(call: Promise<StreamOutcome>): Promise<Pick<StreamOutcome, "status">> {
  try {
    return await call;
  } catch (error) {
    return { status: { code: "no status", message: String(error), detail: undefined } };
  }
}

function note(tally: Tally, { status }: Pick<StreamOutcome, "status">): void {
  if (status.code === "ok") return;
  tally.failed++;
  if (tally.failures.length < 100) tally.failures.push(`${status.code}: ${status.message}`);
}

function standing({ streams, sessions, failed }: Tally, gateway: FaultGateway): string {
  return `${streams} streams, ${sessions} sessions, ${failed} failed; ${mebibytes(gateway.residentBytes())} resident`;
}

/** Five seconds of text. */
function stream(face: ClientFace): Promise<StreamOutcome> {
  const request = { route: { targets: [{ provider: "talks", model: "m-1" }] }, messages: [{ text: "Talk to me." }] };
  return face.call({ method: AgentService.method.runStream, requests: [request] }, AbortSignal.timeout(120_000));
}

/** Ten seconds of audio as fast as it is spoken. */
function session(face: ClientFace): Promise<StreamOutcome> {
  const method = TranscriptionService.method.transcribeStream;
  return face.call({ method, requests: speech(10_000) }, AbortSignal.timeout(120_000));
}

const utterance = Buffer.concat([toBytes(tone(1_000, rate)), toBytes(quiet(1_000, rate))]);

async function* speech(milliseconds: number): AsyncGenerator<object> {
  const targets = [{ provider: "hears", model: "asr" }];
  yield { start: { route: { targets }, format: { mimeType: "audio/pcm", sampleRateHertz: rate } } };
  const frameBytes = (rate * 2 * frameMs) / 1_000;
  const begun = performance.now();
  for (let sentMs = 0; sentMs < milliseconds; sentMs += 100) {
    const at = ((sentMs / frameMs) * frameBytes) % utterance.length;
    yield { audio: { data: utterance.subarray(at, at + frameBytes * 5).toString("base64") } };
    await wait(Math.max(0, begun + sentMs + 100 - performance.now()));
  }
}

function watchMemory(gateway: FaultGateway): { stop(): readonly MemorySample[] } {
  const samples: MemorySample[] = [];
  const timer = setInterval(() => samples.push({ atMs: performance.now(), bytes: gateway.residentBytes() }), 250);
  return {
    stop() {
      clearInterval(timer);
      return samples;
    },
  };
}

async function measureBurst(
  gateway: FaultGateway,
  faces: readonly ClientFace[],
  run: SoakRun,
): Promise<SoakFigures["burst"]> {
  const before = gateway.residentBytes();
  const memory = watchMemory(gateway);
  await Promise.all(Array.from({ length: run.streamsAtOnce * 10 }, (_, i) => stream(faceAt(faces, i))));
  const most = Math.max(...memory.stop().map(({ bytes }) => bytes), gateway.residentBytes());
  const growthBytes = most - before;
  const givenBack = () => (growthBytes <= 0 ? 1 : (most - gateway.residentBytes()) / growthBytes);
  const begun = performance.now();
  while (givenBack() < enough && performance.now() - begun < run.restMs) await wait(500);
  return { growthBytes, givenBack: givenBack(), tookMs: performance.now() - begun };
}

/** The share of a burst's growth that has to be given back. */
const enough = 0.9;
