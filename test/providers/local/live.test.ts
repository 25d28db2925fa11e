import os from "node:os";
import path from "node:path";
import { describe, expect, test } from "vitest";
import type { ConversationEvent, ConversationInput, ConversationRequest } from "../../../src/core/live.ts";
import { createLocal } from "../../../src/providers/local/index.ts";
import { conversationRequest } from "../../live/conversation-request.ts";
import { between, forever, notInstalled, openLocal, pcm16k, speak } from "./engine.ts";

const text = (value: string): ConversationInput => ({ type: "text", text: value });

type Step = ConversationInput | (() => Promise<unknown>);

async function* said(...steps: readonly Step[]): AsyncGenerator<ConversationInput> {
  for (const step of steps) {
    if (typeof step === "function") await step();
    else yield step;
  }
}

function* pieces(pcm: Uint8Array): Generator<ConversationInput> {
  for (let at = 0; at < pcm.length; at += 641) yield { type: "audio", data: pcm.subarray(at, at + 641) };
}

interface Talk {
  readonly request?: Partial<ConversationRequest>;
  readonly signal?: AbortSignal;
  readonly see?: (event: ConversationEvent) => void;
}

async function converse(
  local: ReturnType<typeof openLocal>,
  input: AsyncIterable<ConversationInput>,
  { request, signal = forever, see }: Talk = {},
): Promise<readonly ConversationEvent[]> {
  const { live } = createLocal(local.engine).create({ baseUrl: "", headers: {}, settings: {} }, {} as never);
  const events: ConversationEvent[] = [];
  for await (const event of live?.converse(conversationRequest(request), input, signal) ?? []) {
    events.push(event);
    see?.(event);
  }
  return events;
}

const types = (events: readonly ConversationEvent[]) => events.map(({ type }) => type);
const wordsOf = (events: readonly ConversationEvent[], type: "text" | "output-transcript") =>
  events.flatMap((event) => (event.type === type ? [event.text] : [])).join("");

/** Resolved by the first event of a type. */
function first(type: ConversationEvent["type"]) {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { come: () => promise, see: (event: ConversationEvent) => void (event.type === type && resolve()) };
}

describe("a written conversation", () => {
  test("says each text again, with its usage", async () => {
    await using local = openLocal();
    const over = first("answer-finished");
    const events = await converse(local, said(text("Good morning."), over.come, text("Bye.")), over);
    expect(wordsOf(events, "text")).toBe("Good morning.Bye.");
    expect(events.filter(({ type }) => type === "answer-finished")).toMatchObject([
      { finishReason: "stop", usage: { inputTokens: 2, outputTokens: 2 } },
      { finishReason: "stop", usage: { inputTokens: 1, outputTokens: 1 } },
    ]);
    expect(events.at(-1)).toMatchObject({ type: "finished" });
  });

  test.each<[string, ConversationInput, string]>([
    ["the next text", text("Stop."), "Stop."],
    ["its caller", { type: "interrupt" }, ""],
  ])("is interrupted by %s", async (_, cut, rest) => {
    await using local = openLocal();
    const begun = first("text");
    const options = { stall_after_words: 1 };
    const events = await converse(local, said(text("one two three"), begun.come, cut), {
      ...begun,
      request: { options: rest === "" ? options : { pace_ms: 200 } },
    });
    const at = types(events).indexOf("interrupted");
    expect(types(events).slice(0, at + 2)).toEqual(["accepted", "text", "interrupted", "answer-finished"]);
    expect(events[at + 1]).toMatchObject({ finishReason: "other" });
    expect(wordsOf(events.slice(at), "text")).toBe(rest);
  });

  test("lets texts wait for the end of an answer where it may not be cut off", async () => {
    await using local = openLocal();
    const input = said(text("one two"), text("three"), text("four"));
    const events = await converse(local, input, { request: { bargeIn: false } });
    expect(wordsOf(events, "text")).toBe("one twothreefour");
    expect(types(events)).not.toContain("interrupted");
  });

  test("calls the tool that its options say, and says what it returned", async () => {
    await using local = openLocal();
    const called = first("tool-call");
    let id = "";
    const see = (event: ConversationEvent) => {
      if (event.type === "tool-call") id = event.call.id;
      called.see(event);
    };
    async function* input(): AsyncGenerator<ConversationInput> {
      yield text("What is the weather?");
      await called.come();
      const result = {
        type: "tool-result",
        toolCallId: id,
        name: "",
        text: "It rains.",
        media: [],
        failed: false,
      } as const;
      yield { type: "tool-result", result };
    }
    const options = { tool_call: { name: "weather", arguments: { city: "Bern" } } };
    const events = await converse(local, input(), { see, request: { options } });
    expect(events[1]).toMatchObject({
      call: { name: "weather", argumentsJson: '{"city":"Bern"}', executor: "client" },
    });
    expect(events[2]).toMatchObject({ type: "answer-finished", finishReason: "tool_calls" });
    expect(wordsOf(events, "text")).toBe("It rains.");
  });

  test("fails as its options say, before it is accepted and in the middle of an answer", async () => {
    await using local = openLocal();
    const asked = (options: object) => converse(local, said(text("one two")), { request: { options: { ...options } } });
    await expect(asked({ fail_before: "rate_limited" })).rejects.toMatchObject({ reason: "rate_limited" });
    await expect(asked({ fail_after: "network" })).rejects.toMatchObject({ reason: "network" });
    await expect(asked({ pase_ms: 1 })).rejects.toMatchObject({ reason: "invalid_request" });
  });

  test("ends at once when its caller leaves", async () => {
    await using local = openLocal();
    const controller = new AbortController();
    const see = (event: ConversationEvent) => event.type === "text" && controller.abort(new Error("gone"));
    const request = { options: { stall_after_words: 1 } };
    const input = said(text("one two"), () => new Promise(() => undefined));
    await expect(converse(local, input, { request, signal: controller.signal, see })).rejects.toThrow("gone");
  });

  test("knows no other model, voice or language", async () => {
    await using local = openLocal();
    const asked = (request: Partial<ConversationRequest>) => converse(local, said(), { request });
    await expect(asked({ model: "flite" })).rejects.toMatchObject({ reason: "model_not_found" });
    await expect(asked({ voice: "nobody", outputFormat: pcm16k })).rejects.toMatchObject({
      reason: "provider_rejected",
    });
  });

  test("says what is not heeded", async () => {
    await using local = openLocal();
    const request = {
      instructions: "Be kind.",
      generation: { temperature: 1, stopSequences: [], outputModalities: [] },
    };
    const [accepted] = await converse(local, said(), { request });
    expect(accepted).toMatchObject({
      warnings: [{ field: "config.instructions" }, { field: "config.generation.temperature" }],
    });
  });
});

describe("a spoken conversation", () => {
  test("has the words of an answer before their audio", async () => {
    await using local = openLocal();
    const events = await converse(local, said(text("Hello there.")), { request: { outputFormat: pcm16k } });
    expect(wordsOf(events, "output-transcript")).toBe("Hello there.");
    const audio = events.flatMap((event) => (event.type === "audio" ? [event.data.length] : []));
    expect(audio.reduce((sum, bytes) => sum + bytes, 0)).toBeGreaterThan(16_000);
    expect(types(events).indexOf("audio")).toBeGreaterThan(types(events).lastIndexOf("output-transcript"));
  });

  test("without the models that listen is refused, and says what to run", async () => {
    await using local = openLocal(path.join(os.tmpdir(), "no-such-engine"));
    const asked = converse(local, said(), { request: { inputFormat: pcm16k } });
    await expect(asked).rejects.toMatchObject({ code: "failed_precondition", message: /setup:local/ });
  });

  test("hears each turn, answers it, and is cut off by the next", async ({ skip }) => {
    if (notInstalled) skip(notInstalled);
    await using local = openLocal();
    const [one, two] = [
      await speak(local, "rms", "The weather in the mountains was cold and very windy."),
      await speak(local, "slt", "Please call me back tomorrow morning."),
    ];
    const begun = first("text");
    async function* input(): AsyncGenerator<ConversationInput> {
      yield* pieces(between(500, one, 1200));
      await begun.come();
      yield* pieces(between(0, two, 1200));
    }
    const config = { languageCode: "en", prompt: "", phrases: [], wordTimings: false, speakerLabels: false };
    const request = { inputFormat: pcm16k, inputTranscription: config, options: { pace_ms: 2000 } };
    const controller = new AbortController();
    const events: ConversationEvent[] = [];
    const { live } = createLocal(local.engine).create({ baseUrl: "", headers: {}, settings: {} }, {} as never);
    for await (const event of live?.converse(conversationRequest(request), input(), controller.signal) ?? []) {
      events.push(event);
      begun.see(event);
      if (event.type === "input-transcript" && event.text.startsWith("Please")) break;
    }
    expect(events.filter((event) => event.type === "input-transcript")).toMatchObject([
      { text: "The weather in the mountains was cold and very windy." },
      { text: "Please call me back tomorrow morning." },
    ]);
    const inTurn = types(events).filter((type) => type !== "accepted" && type !== "speech-ended");
    expect(inTurn.slice(0, 5)).toEqual(["speech-started", "input-transcript", "text", "speech-started", "interrupted"]);
  });
});
