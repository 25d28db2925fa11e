import type { JsonObject } from "@bufbuild/protobuf";
import { AudioService } from "../gen/livellm/v1/audio_service_pb.ts";
import type { StreamOutcome } from "../test/support/faces.ts";
import { callJson, createProvider } from "../test/support/json-call.ts";
import { type ClientFace, openFaces } from "./client-faces.ts";
import { concurrently } from "./concurrently.ts";
import type { FaultGateway } from "./fault-gateway.ts";
import { type FaultVendor, startFaultVendor } from "./fault-vendor.ts";
import type { Truth } from "./injection.ts";
import type { Verdict } from "./judge-chat.ts";
import type { FaultResult } from "./run-chat-faults.ts";
import {
  firstAudio,
  nextAudio,
  type SpeechFault,
  type SpeechWire,
  speechFaults,
  speechRateHertz,
  speechWires,
} from "./speech-faults.ts";

const atOnce = 12;

/** Every fault of speech × kind × face × (alone, with a next target), once; or every `stride`th of them. */
export async function runSpeechFaults(gateway: FaultGateway, stride = 1): Promise<readonly FaultResult[]> {
  await using vendor = await startFaultVendor();
  const faces = openFaces(gateway.url);
  const url = vendor.answerAt("next", { headers: { "content-type": "audio/pcm" }, chunks: [nextAudio] });
  await createProvider(gateway.url, { id: "next-voice", kind: "openai", apiKey: "key", baseUrl: `${url}/v1` });
  const all = speechFaults.flatMap((fault) =>
    speechWires.flatMap((wire) =>
      faces.flatMap((face) => [false, true].map((hasNext) => ({ fault, wire, face, hasNext }))),
    ),
  );
  const cases = all.filter((_, i) => i % stride === 0);
  const results: FaultResult[] = [];
  await concurrently(cases, atOnce, async (one, i) => {
    const verdict = await runCase({ gateway, vendor, id: `speech-${i}` }, one);
    results.push({ name: nameOf(one), fault: `speech: ${one.fault.name}`, verdict });
  });
  return results;
}

function nameOf({ fault, wire, face, hasNext }: SpeechCase): string {
  return ["speech", fault.name, wire.kind, face.name, hasNext ? "with a next target" : "alone"].join(" / ");
}

interface Stage {
  readonly gateway: FaultGateway;
  readonly vendor: FaultVendor;
  readonly id: string;
}

interface SpeechCase {
  readonly fault: SpeechFault;
  readonly wire: SpeechWire;
  readonly face: ClientFace;
  readonly hasNext: boolean;
}

async function runCase({ gateway, vendor, id }: Stage, { fault, wire, face, hasNext }: SpeechCase): Promise<Verdict> {
  const { truth, reply = {}, address, patienceMs = 30_000 } = fault.inject(wire);
  const url = address?.(vendor.port) ?? vendor.answerAt(id, reply);
  await createProvider(gateway.url, { id, kind: wire.kind, apiKey: "key-of-the-faults", baseUrl: url + wire.basePath });
  const patience = `${patienceMs / 1000}s`;
  const first = { provider: id, model: wire.model, voice: wire.voice, attemptTimeout: patience };
  const next = { provider: "next-voice", model: "gpt-4o-mini-tts", voice: "alloy" };
  const request = {
    route: { targets: hasNext ? [first, next] : [first], stallTimeout: patience },
    text: "Say this.",
    config: { format: { mimeType: "audio/pcm", sampleRateHertz: speechRateHertz } },
  };
  try {
    const call = { method: AudioService.method.speakStream, requests: [request] };
    return judge(await face.call(call, AbortSignal.timeout(60_000)), truth, hasNext);
  } catch (error) {
    return { told: "an untruth", why: `no status: ${error instanceof Error ? error.message : String(error)}` };
  } finally {
    vendor.forget(id);
    await callJson(gateway.url, "ProvidersService/DeleteProvider", { id });
  }
}

/** Audio is right to the byte, or, where the vendor had another rate, in its length. */
function judge({ events, status }: StreamOutcome, truth: Truth, hasNext: boolean): Verdict {
  const audio = Buffer.concat(
    events.flatMap(({ audio }) => (audio ? [Buffer.from(String((audio as JsonObject).data ?? ""), "base64")] : [])),
  );
  if (status.code === "ok") {
    if (!events.at(-1)?.finished) return { told: "a silent truncation", why: "ok, and nothing has finished" };
    if (hasNext && audio.equals(nextAudio) && truth.errors.length > 0) return { told: "the next target's answer" };
    const isAll = audio.equals(firstAudio) || isHalf(audio);
    if (isAll && truth.answer) return { told: "the answer" };
    return { told: "a silent truncation", why: `ok after ${audio.length} bytes of ${firstAudio.length}` };
  }
  if (!firstAudio.subarray(0, audio.length).equals(audio))
    return { told: "an untruth", why: "other audio before the error" };
  if (!truth.errors.includes(status.code)) return { told: "an untruth", why: `${status.code}: ${status.message}` };
  if (hasNext && truth.nothingSent) return { told: "an untruth", why: `the next target was not tried: ${status.code}` };
  return status.detail?.reason ? { told: "a true error" } : { told: "an untruth", why: `${status.code} has no reason` };
}

/** Half a second that was said at 48 kHz is a quarter. */
function isHalf(audio: Buffer): boolean {
  return Math.abs(audio.length - firstAudio.length / 2) < firstAudio.length / 50;
}
