import { expect, test } from "vitest";
import type { TranscriptionEvent, TranscriptionInput } from "../../src/live/transcription-event.ts";
import { planOf, transcribe } from "./live-call.ts";
import { createRecogniser, type RecogniserScript, vendorDied } from "./scripted-recogniser.ts";

/** Counts what is taken of it. */
function endlessSeconds() {
  const taken = { seconds: 0 };
  async function* input(): AsyncGenerator<TranscriptionInput> {
    for (;;) {
      taken.seconds++;
      yield { type: "audio", data: new Uint8Array(32_000) };
    }
  }
  return { taken, input: input() };
}

async function firstOf(events: AsyncIterable<TranscriptionEvent>, type: TranscriptionEvent["type"]): Promise<void> {
  for await (const event of events) if (event.type === type) return;
}

test("a target that reads a little has the caller asked for a little", async () => {
  const script: RecogniserScript = async function* (session) {
    yield { type: "accepted" };
    for (let pieces = 0; pieces < 25; pieces++) await session.next();
    yield { type: "warning", warning: { code: "read", message: "25 pieces of 100 ms" } };
    throw vendorDied();
  };
  const { taken, input } = endlessSeconds();
  await firstOf(transcribe(planOf(createRecogniser(script)), input), "warning");
  expect(taken.seconds).toBe(3);
});

test("a target that reads without accepting gets no more than is kept", async () => {
  const full = Promise.withResolvers<void>();
  const greedy: RecogniserScript = async function* (session) {
    yield* [];
    for (let pieces = 0; pieces < 30; pieces++) await session.next();
    setImmediate(() => full.resolve());
    await session.next(); // the fourth second is more than the two that are kept
  };
  const { taken, input } = endlessSeconds();
  const events = transcribe(planOf(createRecogniser(greedy)), input);
  const first = events.next();
  await full.promise;
  expect(taken.seconds).toBe(3);
  first.catch(() => undefined);
});

test("a reader of the events who is slow slows the caller too", async () => {
  const script: RecogniserScript = async function* (session) {
    yield { type: "accepted" };
    for (;;) {
      await session.next();
      yield { type: "warning", warning: { code: "heard", message: "100 ms" } };
    }
  };
  const { taken, input } = endlessSeconds();
  const events = transcribe(planOf(createRecogniser(script)), input);
  for (let read = 0; read < 16; read++) await events.next();
  expect(taken.seconds).toBe(2);
});
