import os from "node:os";
import path from "node:path";
import { describe, expect, test } from "vitest";
import type { LiveEvent, LiveInput, LiveTranscriptionRequest } from "../../../src/core/transcription.ts";
import { between, forever, notInstalled, openLocal, pcm16k, speak, transcriptionCall } from "./engine.ts";
import { wordErrors } from "./word-errors.ts";

const text = "The weather in the mountains was cold and very windy.";
const other = "Please call me back tomorrow morning.";

const silence = { mode: "silence" } as const;
const manual = { mode: "manual" } as const;

function liveRequest(changes: Partial<LiveTranscriptionRequest> = {}): LiveTranscriptionRequest {
  return { ...transcriptionCall(), format: pcm16k, interim: false, turnDetection: silence, ...changes };
}

/** As many pieces of audio as it takes, cut inside of samples too. */
function* pieces(pcm: Uint8Array, size = 641): Generator<LiveInput> {
  for (let at = 0; at < pcm.length; at += size) yield { type: "audio", data: pcm.subarray(at, at + size) };
}

async function* inputs(...parts: readonly (LiveInput | Iterable<LiveInput>)[]): AsyncGenerator<LiveInput> {
  for (const part of parts) {
    if (Symbol.iterator in part) yield* part;
    else yield part;
  }
}

const commit: LiveInput = { type: "commit" };

/** The events by type, interim and final segments told apart. */
const kinds = (events: readonly LiveEvent[]) =>
  events.map((event) => (event.type === "segment" ? (event.final ? "final" : "interim") : event.type));

const finals = (events: readonly LiveEvent[]) =>
  events.filter((event) => event.type === "segment" && event.final) as Segment[];
type Segment = Extract<LiveEvent, { readonly type: "segment" }>;

describe("turns by silence", () => {
  test("each is told: when it began, when it ended, what was said; the last one by the end of the input", async ({
    skip,
  }) => {
    if (notInstalled) skip(notInstalled);
    await using local = openLocal();
    const [a, b] = [await speak(local, "rms", text), await speak(local, "slt", other)];
    const input = inputs(pieces(between(500, a, 1200)), pieces(b));
    const events = await Array.fromAsync(local.liveTranscription.stream(liveRequest(), input, forever));
    const turns = kinds(events).filter((kind) => !kind.startsWith("speech-")); // which are told at once, not in order
    expect(turns).toEqual(["accepted", "final", "turn-ended", "final", "turn-ended", "finished"]);
    const edges = kinds(events).filter((kind) => kind.startsWith("speech-"));
    expect(edges).toEqual(["speech-started", "speech-ended", "speech-started", "speech-ended"]);
    const [first, second] = finals(events);
    expect(wordErrors(text, first?.text ?? "").errors).toBeLessThanOrEqual(1);
    expect(wordErrors(other, second?.text ?? "").errors).toBeLessThanOrEqual(1);
    expect(first?.key).not.toBe(second?.key);
    const secondStart = 1700 + a.length / 32;
    expect(Math.abs((first?.startMs ?? 0) - 500)).toBeLessThan(350);
    expect(Math.abs((second?.startMs ?? 0) - secondStart)).toBeLessThan(350);
    expect(events.at(-1)).toEqual({
      type: "finished",
      usage: { inputAudioMs: Math.round(secondStart + b.length / 32) },
    });
  });

  test("the start of speech is told while the speaker still speaks", async ({ skip }) => {
    if (notInstalled) skip(notInstalled);
    await using local = openLocal();
    const pcm = between(500, await speak(local, "rms", text), 0);
    const told = Promise.withResolvers<void>();
    async function* input(): AsyncGenerator<LiveInput> {
      yield* pieces(pcm.subarray(0, 2000 * 32));
      await told.promise; // no more audio before it has been told
      yield* pieces(pcm.subarray(2000 * 32));
    }
    const events: LiveEvent[] = [];
    for await (const event of local.liveTranscription.stream(liveRequest(), input(), forever)) {
      events.push(event);
      if (event.type === "speech-started") told.resolve();
    }
    expect(finals(events)).toHaveLength(1);
  });

  test("the caller's silence counts", async ({ skip }) => {
    if (notInstalled) skip(notInstalled);
    await using local = openLocal();
    const pcm = between(300, await speak(local, "slt", "Wait, I will tell you."), 900);
    const turnsOf = async (silenceMs: number) => {
      const request = liveRequest({ turnDetection: { mode: "silence", silenceMs } });
      const events = await Array.fromAsync(
        local.liveTranscription.stream(request, inputs(pieces(pcm), pieces(pcm)), forever),
      );
      return kinds(events).filter((kind) => kind === "turn-ended").length;
    };
    expect(await turnsOf(400)).toBe(2);
    expect(await turnsOf(5000)).toBe(1);
  });

  test("silence alone is nothing", async ({ skip }) => {
    if (notInstalled) skip(notInstalled);
    await using local = openLocal();
    const input = inputs(pieces(new Uint8Array(64_000)));
    const events = await Array.fromAsync(local.liveTranscription.stream(liveRequest(), input, forever));
    expect(kinds(events)).toEqual(["accepted", "finished"]);
  });
});

test("interim segments come while it is spoken, under the key of the final one", async ({ skip }) => {
  if (notInstalled) skip(notInstalled);
  await using local = openLocal();
  const pcm = between(300, await speak(local, "rms", `${text} ${other}`), 1000);
  const events: LiveEvent[] = [];
  let interim = Promise.withResolvers<void>();
  /** As a speaker would: no faster than what was said is heard. */
  async function* input(): AsyncGenerator<LiveInput> {
    for (let at = 0; at < pcm.length; at += 800 * 32) {
      yield { type: "audio", data: pcm.subarray(at, at + 800 * 32) };
      if (at >= 800 * 32 && at < 3000 * 32) await interim.promise;
      interim = Promise.withResolvers();
    }
  }
  const request = liveRequest({ interim: true, model: "moonshine-tiny" });
  for await (const event of local.liveTranscription.stream(request, input(), forever)) {
    events.push(event);
    if (event.type === "segment") interim.resolve();
  }
  const segments = events.filter((event) => event.type === "segment");
  const [final] = finals(events);
  expect(segments.length).toBeGreaterThan(2);
  expect(new Set(segments.map(({ key }) => key))).toEqual(new Set([final?.key]));
  expect(segments.at(-1)).toBe(final);
  const ends = segments.map(({ endMs = 0 }) => endMs);
  expect(ends.toSorted((a, b) => a - b)).toEqual(ends);
});

describe("turns by the caller", () => {
  test("a pause ends nothing, a commit does, also where nobody spoke", async ({ skip }) => {
    if (notInstalled) skip(notInstalled);
    await using local = openLocal();
    const a = between(300, await speak(local, "rms", text), 1500);
    const b = between(0, await speak(local, "rms", other), 300);
    const input = inputs(pieces(a), pieces(b), commit, pieces(new Uint8Array(3200)), commit);
    const request = liveRequest({ turnDetection: manual });
    const events = await Array.fromAsync(local.liveTranscription.stream(request, input, forever));
    expect(kinds(events)).toEqual([
      "accepted",
      "speech-started",
      "speech-ended",
      "final",
      "turn-ended",
      "turn-ended",
      "finished",
    ]);
    expect(wordErrors(`${text} ${other}`, finals(events)[0]?.text ?? "").errors).toBeLessThanOrEqual(2);
  });

  test("what comes after a commit belongs to the next", async ({ skip }) => {
    if (notInstalled) skip(notInstalled);
    await using local = openLocal();
    const [a, b] = [await speak(local, "rms", text), await speak(local, "rms", other)];
    const request = liveRequest({ turnDetection: manual });
    const input = inputs(pieces(a), commit, pieces(b), commit);
    const events = await Array.fromAsync(local.liveTranscription.stream(request, input, forever));
    const texts = finals(events).map((segment) => segment.text);
    expect(wordErrors(text, texts[0] ?? "").errors).toBeLessThanOrEqual(1);
    expect(wordErrors(other, texts[1] ?? "").errors).toBeLessThanOrEqual(1);
  });
});

describe("ends", () => {
  test("without the models, before it is accepted", async () => {
    await using local = openLocal(path.join(os.tmpdir(), "livellm-no-engine"));
    const events = local.liveTranscription.stream(liveRequest(), inputs(), forever);
    await expect(Array.fromAsync(events)).rejects.toMatchObject({
      code: "failed_precondition",
      message: expect.stringContaining("npm run setup:local"),
    });
  });

  test("when the caller cancels: before, while it waits for audio, while it writes down", async ({ skip }) => {
    if (notInstalled) skip(notInstalled);
    await using local = openLocal();
    const pcm = await speak(local, "rms", text);
    for (const when of ["before", "accepted", "speech-ended"]) {
      const controller = new AbortController();
      const reason = new Error("gone");
      let returned = false;
      async function* input(): AsyncGenerator<LiveInput> {
        try {
          yield* pieces(pcm);
          yield commit;
          await new Promise((_, reject) => controller.signal.addEventListener("abort", () => reject(reason)));
        } finally {
          returned = true;
        }
      }
      if (when === "before") controller.abort(reason);
      const read = async () => {
        for await (const event of local.liveTranscription.stream(liveRequest(), input(), controller.signal)) {
          if (event.type === when) controller.abort(reason);
        }
      };
      await expect(read(), when).rejects.toBe(reason);
      await new Promise(setImmediate);
      if (when === "speech-ended") expect(returned).toBe(true);
    }
  });

  test("when the reader leaves", async ({ skip }) => {
    if (notInstalled) skip(notInstalled);
    await using local = openLocal();
    const pcm = await speak(local, "rms", text);
    for await (const event of local.liveTranscription.stream(liveRequest(), inputs(pieces(pcm), commit), forever)) {
      if (event.type === "speech-started") break;
    }
    const again = local.liveTranscription.stream(liveRequest(), inputs(pieces(pcm)), forever);
    expect(finals(await Array.fromAsync(again))).toHaveLength(1);
  });

  test("when the input fails", async ({ skip }) => {
    if (notInstalled) skip(notInstalled);
    await using local = openLocal();
    async function* broken(): AsyncGenerator<LiveInput> {
      yield { type: "audio", data: new Uint8Array(640) };
      throw new Error("the caller's line broke");
    }
    const events = local.liveTranscription.stream(liveRequest(), broken(), forever);
    await expect(Array.fromAsync(events)).rejects.toThrow("the caller's line broke");
  });
});

test("a reader that is behind holds the input back", async ({ skip }) => {
  if (notInstalled) skip(notInstalled);
  await using local = openLocal();
  let pulled = 0;
  async function* commits(): AsyncGenerator<LiveInput> {
    for (; pulled < 5000; pulled++) yield commit; // each is answered with an event
  }
  const request = liveRequest({ turnDetection: manual });
  const reader = local.liveTranscription.stream(request, commits(), forever)[Symbol.asyncIterator]();
  for (let i = 0; i < 5; i++) await reader.next();
  for (let i = 0; i < 1000; i++) await new Promise(setImmediate);
  expect(pulled).toBeLessThan(200);
  let rest = 0;
  for (let next = await reader.next(); !next.done; next = await reader.next()) rest++;
  expect(rest).toBe(5000 - 4 + 1); // four of five were read before, one was `accepted`; `finished` is one more
});

test("three sessions at once each hear their own", async ({ skip }) => {
  if (notInstalled) skip(notInstalled);
  await using local = openLocal();
  const said = [text, other, "We have moved the meeting to Thursday afternoon."];
  const heard = await Promise.all(
    said.map(async (one, i) => {
      const pcm = between(300, await speak(local, i === 1 ? "slt" : "rms", one), 900);
      const events = local.liveTranscription.stream(liveRequest(), inputs(pieces(pcm)), forever);
      return finals(await Array.fromAsync(events))
        .map((segment) => segment.text)
        .join(" ");
    }),
  );
  for (const [i, one] of said.entries()) expect(wordErrors(one, heard[i] ?? "").errors).toBeLessThanOrEqual(1);
});
