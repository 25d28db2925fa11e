import { setTimeout as wait } from "node:timers/promises";
import type { JsonObject } from "@bufbuild/protobuf";
import { TranscriptionService } from "../gen/livellm/v1/transcription_service_pb.ts";
import { quiet, tone } from "../test/providers/speech-driving.ts";
import type { StreamOutcome } from "../test/support/faces.ts";
import { toBytes } from "../test/support/fake-sessions.ts";
import { callJson, createProvider } from "../test/support/json-call.ts";
import { type ClientFace, openFaces } from "./client-faces.ts";
import { concurrently } from "./concurrently.ts";
import type { FaultGateway } from "./fault-gateway.ts";
import type { Verdict } from "./judge-chat.ts";
import { type LiveFault, liveFaults } from "./live-faults.ts";
import { type LiveVendorKind, liveVendorKinds } from "./live-vendors.ts";
import type { FaultResult } from "./run-chat-faults.ts";
import { startMuteSessions, startRefusing } from "./unwilling-servers.ts";

const usualRate = 16_000;
/** In frames of 20 ms: the vendor is struck in the second utterance. */
const strikeAt = 85;
const las = 9;

/** Three utterances of 600 ms, in frames of 20 ms. */
function framesAt(rate: number): readonly Buffer[] {
  const audio = Buffer.concat(
    Array.from({ length: 3 }, () => [toBytes(tone(600, rate)), toBytes(quiet(900, rate))]).flat(),
  );
  const at = (i: number) => Math.round((i * rate) / 50) * 2;
  return Array.from({ length: Math.ceil(audio.length / at(1)) }, (_, i) => audio.subarray(at(i), at(i + 1)));
}

/** Every fault of live sessions × kind × duplex face × (alone, with a next target), once; or every `stride`th of them. */
export async function runLiveFaults(gateway: FaultGateway, stride = 1): Promise<readonly FaultResult[]> {
  const faces = openFaces(gateway.url).filter(({ isDuplex }) => isDuplex);
  const all = liveFaults.flatMap((fault) =>
    liveVendorKinds.flatMap((kind) =>
      faces.flatMap((face) => [false, true].map((hasNext) => ({ fault, kind, face, hasNext }))),
    ),
  );
  const cases = all.filter((_, i) => i % stride === 0);
  const results: FaultResult[] = [];
  await concurrently(cases, 16, async (one, i) => {
    const verdict = await runCase(gateway, `live-${i}`, one);
    const name = ["live", one.fault.name, one.kind.kind, one.face.name, one.hasNext ? "with a next target" : "alone"];
    results.push({ name: name.join(" / "), fault: `live: ${one.fault.name}`, verdict });
  });
  return results;
}

interface LiveCase {
  readonly fault: LiveFault;
  readonly kind: LiveVendorKind;
  readonly face: ClientFace;
  readonly hasNext: boolean;
}

async function runCase(gateway: FaultGateway, id: string, { fault, kind, face, hasNext }: LiveCase): Promise<Verdict> {
  await using vendor = await kind.start();
  await using next = await kind.start();
  const create = (name: string, baseUrl: string) =>
    createProvider(gateway.url, { id: name, kind: kind.kind, apiKey: "key-of-the-faults", baseUrl });
  await using refusing = await startRefusing(fault.refusal ?? 404);
  await using mute = await startMuteSessions();
  const elsewhere = (fault.refusal && refusing.url) || (fault.mute && mute.url);
  await create(id, fault.address ?? (elsewhere || vendor.baseUrl));
  await create(`${id}-next`, next.baseUrl);
  const targets = [id, ...(hasNext ? [`${id}-next`] : [])].map((provider) => ({ provider, model: kind.model }));
  const sampleRateHertz = fault.sampleRateHertz ?? usualRate;
  const route = { targets, ...(fault.mute && { attemptTimeout: "1s", stallTimeout: "2s" }) };
  const start = { route, format: { mimeType: "audio/pcm", sampleRateHertz } };
  const strike = () => {
    for (const session of vendor.sessions) fault.strike?.(session);
  };
  const call = { method: TranscriptionService.method.transcribeStream, requests: requests(start, fault, strike) };
  try {
    return judge(await face.call(call, AbortSignal.timeout(30_000)), fault, hasNext);
  } catch (error) {
    return { told: "an untruth", why: `no status: ${error instanceof Error ? error.message : String(error)}` };
  } finally {
    for (const name of [id, `${id}-next`]) await callJson(gateway.url, "ProvidersService/DeleteProvider", { id: name });
  }
}

/** The audio, ten times as fast as it was spoken: what is struck has to be a session that is under way. */
async function* requests(start: object, fault: LiveFault, strike: () => void): AsyncGenerator<object> {
  yield { start };
  for (const [i, frame] of framesAt(fault.sampleRateHertz ?? usualRate).entries()) {
    if (i === strikeAt) strike();
    yield { audio: { data: frame.toString("base64") } };
    if (fault.emptyPieces) yield { audio: { data: "" } };
    await wait(2);
  }
}

function judge({ events, status }: StreamOutcome, { errors }: LiveFault, hasNext: boolean): Verdict {
  const heard = events.flatMap(({ segment }) => finalText(segment as JsonObject | undefined)).join(" ");
  const count = heard.match(/\bla\b/g)?.length ?? 0;
  if (status.code === "ok") {
    if (count !== las) return { told: "a silent truncation", why: `ok with ${count} of ${las} sounds` };
    return { told: errors.length > 0 ? "the next target's answer" : "the answer" };
  }
  if (!errors.includes(status.code)) return { told: "an untruth", why: `${status.code}: ${status.message}` };
  if (hasNext)
    return { told: "an untruth", why: `the next target did not take over: ${status.code} ${status.message}` };
  return { told: "a true error" };
}

function finalText(segment: JsonObject | undefined): readonly string[] {
  return segment?.isFinal === true ? [String(segment.text ?? "")] : [];
}
