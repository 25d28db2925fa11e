import { expect, test } from "vitest";
import type { ConversationInput, Live } from "../../src/core/live.ts";
import { type ConverseCall, converse } from "../../src/live/converse.ts";
import { tone } from "./numbered-audio.ts";
import { createTalker, finishedAnswer, pcm16k, repeats } from "./scripted-talker.ts";

/** A conversation with one model, of a caller who sends audio for ever. */
function endlessly(capability: Live, pieceMs: number) {
  const taken = { pieces: 0 };
  async function* input(): AsyncGenerator<ConversationInput> {
    for (;;) {
      taken.pieces++;
      yield { type: "audio", data: tone(pieceMs, false) };
    }
  }
  const use = { ready: true, capability } as const;
  const target = {
    index: 0,
    provider: "a",
    kind: "a",
    model: "m",
    voice: "",
    options: {},
    attemptTimeoutMs: 20_000,
    use,
  };
  const call: ConverseCall = {
    plan: {
      targets: [target],
      strategy: "sequential",
      stallTimeoutMs: 20_000,
      staggerMs: 0,
      [Symbol.dispose]: () => undefined,
    },
    request: {
      instructions: "",
      messages: [],
      tools: [],
      generation: { stopSequences: [], outputModalities: [] },
      speech: { languageCode: "", instructions: "" },
      bargeIn: true,
      inputTranscription: undefined,
      requestId: "",
      userId: "",
    },
    format: pcm16k,
    spoken: undefined,
    turnDetection: undefined,
    input: input(),
    idleTimeoutMs: 20_000,
  };
  return { taken, events: converse(call, new AbortController().signal) };
}

test("a reader of the events who is slow slows the caller", async () => {
  const talker = createTalker(async function* (session) {
    yield { type: "accepted" };
    while (await session.next()) yield finishedAnswer;
  });
  const { taken, events } = endlessly(talker, 100);
  for (let read = 0; read < 16; read++) await events.next();
  expect(taken.pieces).toBe(15); // the first event is the start
  await events.return();
});

test("a target that reads without accepting gets no more than is kept", async () => {
  const full = Promise.withResolvers<void>();
  const greedy = createTalker(async function* (session) {
    yield* [];
    for (;;) {
      const next = session.next();
      const waits = await Promise.race([next.then(() => false), new Promise((resolve) => setImmediate(resolve, true))]);
      if (waits) full.resolve();
      await next;
    }
  });
  const { taken, events } = endlessly(greedy, 1000);
  const first = events.next();
  await full.promise;
  expect(taken.pieces).toBe(Math.ceil((4 * 1024 * 1024) / 32_000));
  first.catch(() => undefined);
});

test("a target that has accepted is read to for as long as it listens: nothing is kept any more", async () => {
  const talker = createTalker(async function* (session) {
    yield { type: "accepted" };
    for (let seconds = 0; seconds < 300; seconds++) await session.next();
    yield finishedAnswer;
  });
  const { taken, events } = endlessly(talker, 1000);
  await events.next();
  expect(await events.next()).toMatchObject({ value: { type: "answer-finished" } });
  expect(taken.pieces).toBe(300);
  await events.return();
});

test("the model that answers is told when its reader leaves", async () => {
  const talker = createTalker(repeats);
  const { events } = endlessly(talker, 100);
  await events.next();
  await events.return();
  expect(talker.sessions[0]?.signal.aborted).toBe(true);
});
