import type { JsonObject } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Local, notInstalled, openLocal } from "../providers/local/engine.ts";
import { describeWith } from "../support/foreign-tools.ts";
import { type Gateway, localEngineFolder, startGateway } from "../support/gateway.ts";
import { expectHeard, finalsOf, namesOf } from "../support/heard.ts";
import { createProvider } from "../support/json-call.ts";
import { framesOf, voiceClients } from "../support/voice-clients.ts";
import { type VoiceVendor, type VoiceVendorKind, voiceVendors } from "../support/voice-vendors.ts";

const localEngine = { program: "the local engine", missing: notInstalled };
const speech = { targets: [{ provider: "local", model: "flite", voice: "rms" }] };
const hearing = { provider: "local", model: "moonshine-base" };
const telephone = { mimeType: "audio/ulaw", sampleRateHertz: 8000 };
/** 20 ms of it. */
const frameBytes = 160;
/** A pause that ends a turn for every vendor. */
const pauseMs = 1800;
const pause = new Uint8Array(pauseMs * 8).fill(0xff);

const sentence = "The weather in the mountains was cold and very windy.";
const other = "Please call me back tomorrow morning.";

describeWith(localEngine, "what is spoken, sent as 20 ms of telephone audio, is heard", () => {
  let gateway: Gateway;
  let local: Local;
  let providers = 0;

  beforeAll(async () => {
    gateway = await startGateway({
      env: { LIVELLM_LOCAL_ENGINE: localEngineFolder },
    });
    local = openLocal();
  });
  afterAll(async () => {
    await local[Symbol.asyncDispose]();
    await gateway.stop();
  });

  async function connect({ kind, model, start }: VoiceVendorKind): Promise<VoiceVendor & { readonly target: object }> {
    const vendor = await start(local);
    const id = `${kind}-${++providers}`;
    await createProvider(gateway.url, { id, kind, apiKey: "key-of-the-test", baseUrl: vendor.baseUrl });
    return Object.assign(vendor, { target: { provider: id, model } });
  }

  describe.each(voiceClients)("through $name", (client) => {
    const speak = (text: string) => client.speak(gateway.url, { route: speech, text, config: { format: telephone } });

    test("by the local engine", { timeout: 60_000 }, async () => {
      const audio = await speak(sentence);
      const start = { route: { targets: [hearing] }, format: telephone };
      const events = await client.transcribe(gateway.url, start, framesOf(audio, frameBytes));
      expectHeard(events, sentence);
      expect(events.at(-1)).toMatchObject({ finished: { durationMs: Math.round(audio.length / 8) } });
    });

    test.each(voiceVendors)("by $name", { timeout: 60_000 }, async (kind) => {
      await using vendor = await connect(kind);
      const audio = Buffer.concat([await speak(sentence), pause, await speak(other), pause]);
      const start = { route: { targets: [vendor.target] }, format: telephone, finalOnly: true };
      const events = await client.transcribe(gateway.url, start, framesOf(audio, frameBytes));
      expectHeard(events, `${sentence} ${other}`);
      expect(finalsOf(events)).toHaveLength(2);
      expect(namesOf(events).filter((name) => name === "turnEnded")).toHaveLength(2);
    });
  });

  const [grpcJs] = voiceClients;
  const kinds = voiceVendors.map((kind) => [kind.name, kind] as const);

  test.each(kinds)(
    "%s is killed in the middle of an utterance: no word is lost",
    { timeout: 60_000 },
    async (_, kind) => {
      if (!grpcJs) throw new Error("there is no client");
      await using vendor = await connect(kind);
      const speak = (text: string) => grpcJs.speak(gateway.url, { route: speech, text, config: { format: telephone } });
      const first = await speak(sentence);
      const audio = Buffer.concat([first, pause, await speak(other), pause]);
      const start = { route: { targets: [vendor.target, hearing] }, format: telephone, finalOnly: true };
      async function* frames() {
        let sent = 0;
        for (const frame of framesOf(audio, frameBytes)) {
          yield frame;
          sent += frame.length;
          if (sent !== 9_600) continue;
          await vendor.heard(4_800); // as µ-law; more where it is converted
          vendor.cut();
        }
      }
      const events = await grpcJs.transcribe(gateway.url, start, frames());
      expectHeard(events, `${sentence} ${other}`);
      const names = namesOf(events).filter((name) => ["started", "attemptFailed", "finished"].includes(name));
      expect(names).toEqual(["started", "attemptFailed", "started", "finished"]);
      expect(events.at(-1)).toMatchObject({
        finished: {
          routeResult: {
            provider: "local",
            attempts: [{ outcome: "OUTCOME_FAILED" }, { outcome: "OUTCOME_ANSWERED" }],
          },
        },
      });
      expectNoGap(events, first.length / 8 + pauseMs);
    },
  );

  test.each(kinds)("%s refuses the session, and the next target hears all", { timeout: 60_000 }, async (_, kind) => {
    if (!grpcJs) throw new Error("there is no client");
    const vendor = await connect(kind);
    await vendor[Symbol.asyncDispose]();
    const audio = await grpcJs.speak(gateway.url, { route: speech, text: sentence, config: { format: telephone } });
    const start = { route: { targets: [vendor.target, hearing] }, format: telephone, finalOnly: true };
    const events = await grpcJs.transcribe(gateway.url, start, framesOf(audio, frameBytes));
    expectHeard(events, sentence);
    expect(namesOf(events).slice(0, 2)).toEqual(["attemptFailed", "started"]);
  });
});

/** Segments are numbered without gaps, and the second sentence is where it was spoken. */
function expectNoGap(events: readonly JsonObject[], secondStartsMs: number): void {
  const finals = finalsOf(events);
  expect(finals.map(({ index = 0 }) => index)).toEqual(finals.map((_, i) => i));
  expect(Math.abs(Number(finals.at(-1)?.startMs) - secondStartsMs)).toBeLessThan(500);
}
