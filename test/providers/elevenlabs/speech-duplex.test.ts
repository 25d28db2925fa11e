import { describe, expect, test } from "vitest";
import { cancelled } from "../../../src/core/error.ts";
import type { SpeechEvent, SpeechInput } from "../../../src/core/speech.ts";
import { elevenlabs } from "../../../src/providers/elevenlabs/index.ts";
import { startFakeElevenLabsSpeech } from "../../support/fake-elevenlabs-speech.ts";
import { type FakeServer, type FakeSession, type Message, toBytes } from "../../support/fake-sessions.ts";
import {
  type Built,
  build,
  format,
  given,
  never,
  readUntil,
  runToEnd,
  Steps,
  speechRequest,
  typesOf,
} from "../speech-driving.ts";

const voice = "21m00Tcm4TlvDq8ikWAM";
const buildOn = (vendor: FakeServer) => build(elevenlabs, { baseUrl: vendor.url });
const text = (said: string): SpeechInput => ({ type: "text", text: said });
const flush: SpeechInput = { type: "flush" };
const clear: SpeechInput = { type: "clear" };

/** 10 ms a character, whose samples say which character it is. */
function spell(said: string, rate: number): Int16Array {
  const each = rate / 100;
  return Int16Array.from({ length: [...said].length * each }, (_, i) => said.charCodeAt(Math.floor(i / each)));
}
const speak = async (said: string, rate: number) => spell(said, rate);

const asked = (over = {}) =>
  speechRequest({ model: "eleven_flash_v2_5", voice, format: format("audio/pcm", 16_000), ...over });

function talk(provider: Built, input: AsyncIterable<SpeechInput>, over = {}, signal = never) {
  const request = asked(over);
  const speak = provider.speech.duplex?.(request.model);
  if (!speak) throw new Error("no session");
  return speak(request, input, signal);
}

function audioOf(events: readonly SpeechEvent[]): Buffer {
  return Buffer.concat(events.flatMap((event) => (event.type === "audio" ? [event.data] : [])));
}

const spelled = (said: string) => toBytes(spell(said, 16_000));
/** Without repeats: several pieces of audio in a row are one. */
const outline = (events: readonly { type: string }[]) => typesOf(events).filter((type, i, all) => type !== all[i - 1]);

describe("a session", () => {
  test("pieces of text are joined as they are, and the end speaks what is left", async () => {
    await using vendor = await startFakeElevenLabsSpeech({ speak });
    await using provider = buildOn(vendor);
    const { events, error } = await runToEnd(talk(provider, given(text("Grü"), text("ezi "), text("wohl."))));
    expect(error).toBeUndefined();
    expect(outline(events)).toEqual(["response", "audio", "finished"]);
    expect(audioOf(events)).toEqual(spelled("Grüezi wohl."));
    expect(events[0]).toEqual({ type: "response", model: "eleven_flash_v2_5", format: asked().format, warnings: [] });
    expect(events.at(-1)).toMatchObject({ usage: { inputCharacters: 12, estimated: true } });
    const [session] = vendor.sessions;
    expect(session?.headers["xi-api-key"]).toBe("key-1234");
    expect(session?.url.pathname).toBe(`/v1/text-to-speech/${voice}/multi-stream-input`);
    expect(Object.fromEntries(session?.url.searchParams ?? [])).toEqual({
      model_id: "eleven_flash_v2_5",
      output_format: "pcm_16000",
      inactivity_timeout: "180",
    });
    expect(session?.received).toEqual([
      { text: " ", context_id: "context_1" },
      { text: "Grü", context_id: "context_1" },
      { text: "ezi ", context_id: "context_1" },
      { text: "wohl.", context_id: "context_1" },
      { context_id: "context_1", flush: true },
      { context_id: "context_1", close_context: true },
    ]);
    expect((await session?.closed)?.code).toBe(1000);
  });

  test("options and manner go where they belong", async () => {
    await using vendor = await startFakeElevenLabsSpeech({ speak });
    await using provider = buildOn(vendor);
    const options = { seed: 7, auto_mode: true, generation_config: { chunk_length_schedule: [50] } };
    const over = { speed: 0.9, languageCode: "de-CH", wordTimings: true, options };
    await runToEnd(talk(provider, given(text("Hoi.")), over));
    const [session] = vendor.sessions;
    expect(Object.fromEntries(session?.url.searchParams ?? [])).toMatchObject({
      language_code: "de",
      sync_alignment: "true",
      seed: "7",
      auto_mode: "true",
    });
    expect(session?.received[0]).toEqual({
      text: " ",
      context_id: "context_1",
      voice_settings: { speed: 0.9 },
      generation_config: { chunk_length_schedule: [50] },
    });
  });

  test("flushed comes after all the audio of a flush and before any of what follows", async () => {
    const slow = Promise.withResolvers<void>();
    await using vendor = await startFakeElevenLabsSpeech({
      speak: async (said, rate) => {
        if (said === "one ") await slow.promise;
        return spell(said, rate);
      },
    });
    await using provider = buildOn(vendor);
    const input = new Steps<SpeechInput>();
    input.push(text("one "), flush, text("two "), flush, flush, text("three"));
    const stream = talk(provider, input);
    const reading = runToEnd(stream);
    const session = await vendor.nextSession();
    await session.seen(({ close_context }) => close_context === true);
    input.end();
    slow.resolve();
    const { events } = await reading;
    expect(outline(events)).toEqual(["response", "audio", "flushed", "audio", "flushed", "audio", "finished"]);
    expect(typesOf(events).filter((type) => type === "flushed")).toHaveLength(3);
    expect(audioOf(events)).toEqual(spelled("one two three"));
    const first = events.findIndex(({ type }) => type === "flushed");
    expect(audioOf(events.slice(0, first))).toEqual(spelled("one "));
  });

  test("nothing to speak: a flush is over at once, and so is the session", async () => {
    await using vendor = await startFakeElevenLabsSpeech({ speak });
    await using provider = buildOn(vendor);
    const { events } = await runToEnd(talk(provider, given<SpeechInput>(flush, clear)));
    expect(typesOf(events)).toEqual(["response", "flushed", "cleared", "finished"]);
    expect(vendor.sessions[0]?.received).toEqual([]);
  });

  test("after clear no audio of what was before follows, though the vendor still sends it", async () => {
    const slow = Promise.withResolvers<void>();
    await using vendor = await startFakeElevenLabsSpeech({
      speak: async (said, rate) => {
        if (said.startsWith("old")) await slow.promise;
        return spell(said, rate);
      },
    });
    await using provider = buildOn(vendor);
    const input = new Steps<SpeechInput>();
    input.push(text("old "), flush, text("older"));
    const stream = talk(provider, input)[Symbol.asyncIterator]();
    const reading = readUntil(stream, ({ type }) => type === "cleared");
    const session = await vendor.nextSession();
    await session.seen(({ close_context }) => close_context === true);
    input.push(clear);
    await reading;
    slow.resolve();
    input.push(text("new"));
    input.end();
    const { events } = await runToEnd({ [Symbol.asyncIterator]: () => stream });
    expect(outline(events)).toEqual(["audio", "finished"]);
    expect(audioOf(events)).toEqual(spelled("new"));
  });

  test("clearing again and again never has more contexts than the vendor allows", async () => {
    const held = Promise.withResolvers<void>();
    let spoken = 0;
    await using vendor = await startFakeElevenLabsSpeech({
      speak: async (said, rate) => {
        if (spoken++ < 4) await held.promise;
        return spell(said, rate);
      },
    });
    await using provider = buildOn(vendor);
    const input = new Steps<SpeechInput>();
    const reading = runToEnd(talk(provider, input));
    const session = await vendor.nextSession();
    for (let i = 1; i <= 4; i++) {
      input.push(text(`n${i}`), flush);
      await session.seen(({ context_id, close_context }) => context_id === `context_${i}` && close_context === true);
      input.push(clear);
    }
    input.push(text("n5"), flush, clear, text("last"));
    input.end();
    await new Promise((resolve) => setTimeout(resolve, 50)); // time in which a sixth context would be refused
    held.resolve();
    const { events, error } = await reading;
    expect(error).toBeUndefined();
    expect(audioOf(events)).toEqual(spelled("last"));
  });

  test("words count on through the session", async () => {
    await using vendor = await startFakeElevenLabsSpeech({ speak });
    await using provider = buildOn(vendor);
    const { events } = await runToEnd(
      talk(provider, given(text("Hello you"), flush, text("there")), { wordTimings: true }),
    );
    expect(events.flatMap((event) => (event.type === "words" ? event.words : []))).toEqual([
      { text: "Hello", startMs: 0, endMs: 50 },
      { text: "you", startMs: 60, endMs: 90 },
      { text: "there", startMs: 90, endMs: 140 },
    ]);
  });

  test("is not offered for the model that has no sockets", async () => {
    await using vendor = await startFakeElevenLabsSpeech({ speak });
    await using provider = buildOn(vendor);
    expect(provider.speech.duplex?.("eleven_v3")).toBeUndefined();
    expect(provider.speech.duplex?.("eleven_flash_v2_5")).toBeDefined();
  });
});

describe("a vendor that lets go of a connection over which nobody says anything", () => {
  const tooSilent = { message: "Have not received a new text input", error: "input_timeout_exceeded", code: 1008 };

  async function pausing(letGo: (session: FakeSession) => void, goOn: (input: Steps<SpeechInput>) => void) {
    await using vendor = await startFakeElevenLabsSpeech({ speak });
    await using provider = buildOn(vendor);
    const input = new Steps<SpeechInput>();
    input.push(text("One."), flush);
    const events: SpeechEvent[] = [];
    const reading = (async () => {
      for await (const event of talk(provider, input)) {
        events.push(event);
        if (event.type !== "flushed" || vendor.sessions.length > 1) continue;
        const [first] = vendor.sessions;
        if (first) letGo(first);
        void first?.closed.then(() => goOn(input));
      }
    })();
    const error = await reading.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    return { events, error, sessions: vendor.sessions };
  }

  const speaksOn = (input: Steps<SpeechInput>) => {
    input.push(text("Two."), flush);
    input.end();
  };

  test.each<[string, (session: FakeSession) => void]>([
    ["by closing it", (session) => session.close(1000)],
    ["by cutting it", (session) => session.cut()],
    [
      "and says why",
      (session) => {
        session.send(tooSilent);
        session.close(1008, "input_timeout_exceeded");
      },
    ],
  ])("%s: what comes next goes over another, unseen", async (_, letGo) => {
    const { events, error, sessions } = await pausing(letGo, speaksOn);
    expect(error).toBeUndefined();
    expect(outline(events)).toEqual(["response", "audio", "flushed", "audio", "flushed", "finished"]);
    expect(audioOf(events)).toEqual(spelled("One.Two."));
    expect(events.at(-1)).toMatchObject({ usage: { inputCharacters: 8 } });
    expect(sessions).toHaveLength(2);
  });

  test("no other is opened for nothing", async () => {
    const { events, error, sessions } = await pausing(
      (session) => session.close(1000),
      (input) => input.end(),
    );
    expect([error, events.at(-1)?.type, sessions.length]).toEqual([undefined, "finished", 1]);
  });
});

describe("faults", () => {
  async function runAgainst(act: (session: FakeSession, message: Message) => void) {
    await using vendor = await startFakeElevenLabsSpeech({
      speak,
      intercept: (message, session) => {
        if (message.flush !== true) return false;
        act(session, message);
        return true;
      },
    });
    await using provider = buildOn(vendor);
    return await runToEnd(talk(provider, given(text("Hoi."))));
  }
  const some = { audio: Buffer.alloc(320).toString("base64"), contextId: "context_1" };

  test.each([1000, 1008, 1011])("closed with %i in the middle", async (code) => {
    const { error, events } = await runAgainst((session) => {
      session.send(some);
      session.close(code);
    });
    expect(error).toMatchObject({
      code: "unavailable",
      reason: "stream_broken",
      facts: { providerCode: String(code) },
    });
    expect(typesOf(events)).toEqual(["response", "audio"]);
  });

  test("cut off in the middle", async () => {
    expect((await runAgainst((session) => session.cut())).error).toMatchObject({ reason: "stream_broken" });
  });

  test.each([
    [{ error: "quota_exceeded", message: "no credits", code: 1008 }, "resource_exhausted", "quota_exhausted"],
    [{ error: "max_active_conversations", message: "x", code: 1008 }, "resource_exhausted", "rate_limited"],
    [{ error: { message: "sorry" } }, "unavailable", "provider_unavailable"],
  ])("an error %o", async (message, code, reason) => {
    expect((await runAgainst((session) => session.send(message))).error).toMatchObject({ code, reason });
  });

  test("a message that is no JSON", async () => {
    const { error } = await runAgainst((session) => session.send("<html>"));
    expect(error).toMatchObject({ reason: "bad_provider_response" });
  });

  test.each(["before the text", "while audio is awaited"])("cancelling %s closes the socket", async (phase) => {
    await using vendor = await startFakeElevenLabsSpeech({ speak, intercept: () => true });
    await using provider = buildOn(vendor);
    const abort = new AbortController();
    const input = new Steps<SpeechInput>();
    const reading = runToEnd(talk(provider, input, {}, abort.signal));
    const session = await vendor.nextSession();
    if (phase === "while audio is awaited") {
      input.push(text("Hoi."), flush);
      await session.seen(({ close_context }) => close_context === true);
    }
    abort.abort(cancelled());
    expect((await reading).error).toMatchObject({ code: "canceled" });
    expect((await session.closed).code).toBe(1006);
  });

  test("a reader that does not read stops the vendor, and what waits for a flush stops the caller", async () => {
    await using vendor = await startFakeElevenLabsSpeech({
      speak,
      intercept: ({ flush: asks, close_context: closes }) => asks === true || closes === true,
    });
    await using provider = buildOn(vendor);
    let taken = 0;
    async function* endless(): AsyncGenerator<SpeechInput> {
      yield text("one");
      yield flush;
      for (;;) {
        taken++;
        yield text("x".repeat(10_000));
      }
    }
    const abort = new AbortController();
    const reading = runToEnd(talk(provider, endless(), {}, abort.signal));
    const session = await vendor.nextSession();
    await session.seen(({ flush: asks }) => asks === true);
    for (let last = -1; last !== taken; ) {
      last = taken;
      await new Promise((resolve) => setTimeout(resolve, 50)); // time in which an unbounded queue would have grown
    }
    expect(taken).toBeLessThan(20);
    abort.abort(cancelled());
    await reading;
  });
});
