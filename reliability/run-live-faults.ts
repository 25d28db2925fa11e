import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
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

const rate = 16_000;
const frameBytes = (rate / 50) * 2;
/** Three utterances of 600 ms; the vendor is struck in the second. */
const audio = Buffer.concat(
  Array.from({ length: 3 }, () => toBytes(tone(600, rate))).flatMap((one) => [one, pause(900)]),
);
const strikeAt = frameBytes * 85;
const las = 9;

function pause(milliseconds: number): Buffer {
  return toBytes(quiet(milliseconds, rate));
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
  await create(id, fault.address ?? (fault.refusal ? refusing.url : vendor.baseUrl));
  await create(`${id}-next`, next.baseUrl);
  const targets = [id, ...(hasNext ? [`${id}-next`] : [])].map((provider) => ({ provider, model: kind.model }));
  const start = { route: { targets }, format: { mimeType: "audio/pcm", sampleRateHertz: rate } };
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

/** A server that takes no WebSocket. */
async function startRefusing(status: number): Promise<AsyncDisposable & { readonly url: string }> {
  const body = '{"error":{"message":"Not now"}}';
  const server = http.createServer((_, response) => response.writeHead(status, { connection: "close" }).end(body));
  await once(server.listen(0, "127.0.0.1"), "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The audio, ten times as fast as it was spoken: what is struck has to be a session that is under way. */
async function* requests(start: object, { emptyPieces }: LiveFault, strike: () => void): AsyncGenerator<object> {
  yield { start };
  for (let at = 0; at < audio.length; at += frameBytes) {
    if (at === strikeAt) strike();
    yield { audio: { data: audio.subarray(at, at + frameBytes).toString("base64") } };
    if (emptyPieces) yield { audio: { data: "" } };
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
