import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { pcmToFloat } from "../../../src/audio/pcm.ts";
import { speakablePieces } from "../../../src/providers/local/speakable-text.ts";
import { levelDb } from "../../audio/measure.ts";
import { audioOf, forever, openLocal, pcm16k, speak, speechRequest } from "./engine.ts";
import { loopShare } from "./event-loop.ts";

const sentences = "This is the first sentence. Here is another one! And is there a third? Yes, there is.";

describe("flite speaks", () => {
  test.each(["slt", "rms", "awb", "kal"])("with the voice %s", async (voice) => {
    await using local = openLocal();
    const request = speechRequest({ voice, text: "The weather was cold and windy." });
    const events = await Array.fromAsync(local.speech.stream(request, forever));
    const audio = audioOf(events);
    const durationMs = audio.length / 32;
    expect(events[0]).toEqual({ type: "response", model: "flite", format: pcm16k, warnings: [] });
    expect(durationMs).toBeGreaterThan(1300);
    expect(durationMs).toBeLessThan(3500);
    expect(levelDb(pcmToFloat(audio))).toBeGreaterThan(-40);
    const usage = { inputCharacters: 31, outputAudioMs: Math.round(durationMs) };
    expect(events.at(-1)).toEqual({ type: "finished", usage });
  });

  test("a sentence at a time, the same as at once", async () => {
    await using local = openLocal();
    const events = await Array.fromAsync(local.speech.stream(speechRequest({ text: sentences }), forever));
    const pieces = events.filter((event) => event.type === "audio" && event.data.length > 0);
    expect(pieces).toHaveLength(4);
    expect(await speak(local, "", sentences)).toEqual(audioOf(events));
    expect(await speak(local, "slt", "Here is another one!")).toEqual(audioOf(pieces.slice(1, 2)));
  });

  test("faster and slower", async () => {
    await using local = openLocal();
    const lengthAt = async (speed: number) => {
      const request = speechRequest({ text: "The weather was cold and windy.", speed });
      return audioOf(await Array.fromAsync(local.speech.stream(request, forever))).length;
    };
    const usual = await lengthAt(1);
    expect((await lengthAt(2)) / usual).toBeCloseTo(0.5, 1);
    expect((await lengthAt(0.5)) / usual).toBeCloseTo(2, 0);
  });

  test("many at once, each its own", async () => {
    await using local = openLocal();
    const alone = await speak(local, "rms", "Number one.");
    const all = await Promise.all(Array.from({ length: 12 }, () => speak(local, "rms", "Number one.")));
    for (const one of all) expect(one).toEqual(alone);
  });

  test("warns of what it has no use for", async () => {
    await using local = openLocal();
    const request = speechRequest({ instructions: "Cheerfully.", wordTimings: true, languageCode: "en-GB" });
    const [response] = await Array.fromAsync(local.speech.stream(request, forever));
    expect(response).toMatchObject({
      warnings: [
        { code: "option-ignored", field: "config.instructions" },
        { code: "option-ignored", field: "config.wordTimings" },
      ],
    });
  });

  test("lists its voices, by language", async () => {
    await using local = openLocal();
    const list = async (languageCode: string) =>
      (await local.speech.voices?.({ model: "flite", languageCode }, forever))?.map(({ id }) => id);
    expect(await list("")).toEqual(["slt", "rms", "awb", "kal"]);
    expect(await list("en-US")).toHaveLength(4);
    expect(await list("de")).toEqual([]);
  });
});

describe("refuses before it speaks", () => {
  test.each([
    [{ voice: "alloy" }, "invalid_argument", 'flite has no voice "alloy"; it has slt, rms, awb, kal'],
    [{ model: "tts-1" }, "not_found", "the provider local has no speech model tts-1; it has flite"],
    [{ options: { pitch: 3 } }, "invalid_argument", "route.targets[].options.pitch: flite has no options"],
    [{ languageCode: "de-CH" }, "failed_precondition", "config.languageCode: flite knows English only"],
    [{ text: "你好！" }, "invalid_argument", "text: flite finds nothing in it"],
    [{ text: " … " }, "invalid_argument", "text: flite finds nothing in it"],
  ])("%o", async (changes, code, message) => {
    await using local = openLocal();
    const first = local.speech.stream(speechRequest(changes), forever)[Symbol.asyncIterator]().next();
    await expect(first).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
  });
});

describe("cancelling", () => {
  const long = Array.from({ length: 40 }, (_, i) => `This is sentence number ${i} of very many.`).join(" ");

  test("before and in the middle: its reason is thrown, and the next call is served", async () => {
    await using local = openLocal();
    const reason = new Error("gone");
    for (const piecesBefore of [0, 2]) {
      const controller = new AbortController();
      if (piecesBefore === 0) controller.abort(reason);
      const read = async () => {
        let pieces = 0;
        for await (const event of local.speech.stream(speechRequest({ text: long }), controller.signal)) {
          if (event.type === "audio" && ++pieces === piecesBefore) controller.abort(reason);
        }
      };
      await expect(read()).rejects.toBe(reason);
      expect((await speak(local, "slt", "Hello.")).length).toBeGreaterThan(10_000);
    }
  });

  test("leaving early ends it", async () => {
    await using local = openLocal();
    for await (const event of local.speech.stream(speechRequest({ text: long }), forever)) {
      if (event.type === "audio") break;
    }
    expect((await speak(local, "slt", "Hello.")).length).toBeGreaterThan(10_000);
  });

  test("closing the engine ends what runs", async () => {
    const local = openLocal();
    const speaking = speak(local, "slt", long);
    speaking.catch(() => undefined);
    await local.engine.close();
    await expect(speaking).rejects.toMatchObject({ code: "unavailable", message: expect.stringContaining("closed") });
  });
});

test("the event loop does not wait while it speaks", async () => {
  await using local = openLocal();
  const text = "The weather in the mountains was cold and very windy. ".repeat(20);
  expect(await loopShare(() => speak(local, "slt", text))).toBeLessThan(0.5);
});

test("a process that has spoken, and closed nothing, can end", async () => {
  const program = `
    import { createLocal, createLocalEngine } from "${path.join(import.meta.dirname, "../../../src/providers/local/index.ts")}";
    const { speech } = createLocal(createLocalEngine("nowhere")).create({}, {});
    const request = { model: "flite", voice: "", text: "Hello.", format: {}, languageCode: "", options: {} };
    for await (const event of speech.stream(request, new AbortController().signal)) console.log(event.type);
  `;
  const child = spawn(process.execPath, ["--input-type=module-typescript", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  child.stdout.resume();
  const [code] = await once(child, "close");
  expect(code).toBe(0);
});

describe("text that can be spoken", () => {
  test.each([
    ["One. Two? Three!", ["One.", "Two?", "Three!"]],
    ["Zoë’s naïve café – “really”…", [`Zoe's naive cafe , "really"...`]],
    ["Straße 5 🎉 日本", ["Strasse 5"]],
    ["...", []],
    ["🎉 日本", []],
  ])("%s", (text, pieces) => expect(speakablePieces(text)).toEqual(pieces));

  test("long sentences are cut at commas, else at spaces, else anywhere; nothing is lost", () => {
    const clauses = Array.from({ length: 30 }, (_, i) => `and then there was number ${i},`).join(" ");
    const words = Array.from({ length: 200 }, (_, i) => `word${i}`).join(" ");
    for (const text of [clauses, words, "x".repeat(1000)]) {
      const pieces = speakablePieces(text);
      expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThanOrEqual(300);
      expect(pieces.join("").replaceAll(" ", "")).toBe(text.replaceAll(" ", ""));
    }
    expect(
      speakablePieces(clauses)
        .slice(0, -1)
        .every((piece) => piece.endsWith(",")),
    ).toBe(true);
  });
});
