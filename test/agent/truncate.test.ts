import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { estimateTokens } from "../../src/agent/token-estimate.ts";
import { createTokenCounter } from "../../src/agent/tokens.ts";
import { truncate } from "../../src/agent/truncate.ts";
import type { Message, Part } from "../../src/core/chat.ts";
import { refusalsOf } from "./strict-vendor.ts";

const counter = createTokenCounter(estimateTokens);
const tokensOf = (messages: readonly Message[]) => messages.reduce((sum, message) => sum + counter.message(message), 0);

const text = fc.oneof(
  fc.string({ minLength: 1, maxLength: 60 }),
  fc.string({ minLength: 1, maxLength: 400, unit: "grapheme" }),
  fc.lorem({ maxCount: 80 }),
);

/** One answer of the model, with the results of the tools it called. */
const step = fc.record({ says: text, calls: fc.array(text, { maxLength: 3 }) });
const turn = fc.record({ asks: text, steps: fc.array(step, { minLength: 1, maxLength: 4 }) });

interface TurnOfText {
  readonly asks: string;
  readonly steps: readonly { readonly says: string; readonly calls: readonly string[] }[];
}

/** A history that vendors take, ending with a user's message or with results of tools. */
function historyOf(turns: readonly TurnOfText[], ids = "call") {
  const messages: Message[] = [{ role: "system", parts: [{ type: "text", text: "Be brief." }] }];
  let id = 0;
  for (const { asks, steps } of turns) {
    messages.push({ role: "user", parts: [{ type: "text", text: asks }] });
    for (const [i, { says, calls }] of steps.entries()) {
      const last = i === steps.length - 1;
      const used = last ? [] : calls.length > 0 ? calls : ["result"];
      const made = used.map(() => `${ids}_${id++}`);
      messages.push({ role: "assistant", parts: [{ type: "text", text: says }, ...made.map(toolCall)] });
      if (made.length > 0) messages.push({ role: "tool", parts: made.map((one, j) => toolResult(one, used[j] ?? "")) });
    }
  }
  return messages;
}

function toolCall(id: string): Part {
  return { type: "tool-call", id, name: "look_up", argumentsJson: '{"q":"x"}', executor: "server" };
}

function toolResult(toolCallId: string, said: string): Part {
  return { type: "tool-result", toolCallId, name: "look_up", text: said, media: [], failed: false };
}

const question: Message = { role: "user", parts: [{ type: "text", text: "And now?" }] };

describe("a history of 200 turns with tools, cut to any size", () => {
  const history = fc.array(turn, { minLength: 200, maxLength: 200 }).map((turns) => [...historyOf(turns), question]);

  test("is one that the strictest vendors take, and fits", () => {
    const cases = fc.tuple(history, fc.integer({ min: 60, max: 60_000 }));
    fc.assert(
      fc.property(cases, ([messages, room]) => {
        expect(refusalsOf(messages)).toEqual([]);
        const cut = truncate(messages, room, counter);
        expect(cut).toBeDefined();
        if (!cut) return;
        expect(refusalsOf(cut.messages)).toEqual([]);
        expect(tokensOf(cut.messages)).toBeLessThanOrEqual(room);
        expect(cut.messages[0]).toBe(messages[0]);
        expect(cut.messages.at(-1)).toBe(question);
        expect(cut.messagesLeftOut).toBe(messages.length - cut.messages.length);
      }),
      { numRuns: 40, endOnFailure: true },
    );
  });

  test("in the middle of a run keeps the last call with its result", () => {
    const running = fc.tuple(
      history,
      fc.array(step, { minLength: 60, maxLength: 80 }),
      fc.integer({ min: 1_500, max: 4_000 }),
    );
    fc.assert(
      fc.property(running, ([before, steps, room]) => {
        const [, , ...run] = historyOf([{ asks: "", steps: [...steps, { says: "", calls: [] }] }], "last");
        const messages = [...before, ...run.slice(0, -1)];
        expect(refusalsOf(messages)).toEqual([]);
        const cut = truncate(messages, room, counter);
        expect(cut).toBeDefined();
        expect(refusalsOf(cut?.messages ?? [])).toEqual([]);
        expect(tokensOf(cut?.messages ?? [])).toBeLessThanOrEqual(room);
        expect(cut?.messages.at(-1)?.role).toBe("tool");
      }),
      { numRuns: 30, endOnFailure: true },
    );
  });
});

const words = (count: number, word = "word") => Array.from({ length: count }, (_, i) => `${word}${i}`).join(" ");
const says = (role: Message["role"], said: string): Message => ({ role, parts: [{ type: "text", text: said }] });

describe("what is left out first", () => {
  const first = [says("user", "first question"), says("assistant", "first answer")];
  const middle = [says("user", words(50, "middle")), says("assistant", words(50, "middle"))];
  const later = [says("user", words(50, "later")), says("assistant", words(50, "later"))];

  test("is the middle of the conversation, the older first", () => {
    const messages = [...first, ...middle, ...later, question];
    const cut = truncate(messages, tokensOf(messages) - 1, counter);
    expect(cut?.messages).toEqual([...first, ...later, question]);
    expect(cut).toMatchObject({ messagesLeftOut: 2, charactersLeftOut: 0 });
  });

  test("then older steps of the last turn", () => {
    const call = (id: string, said: string): Message[] => [
      { role: "assistant", parts: [toolCall(id)] },
      { role: "tool", parts: [toolResult(id, said)] },
    ];
    const messages = [...first, ...middle, question, ...call("1", words(50)), ...call("2", "short")];
    const cut = truncate(messages, tokensOf([...first, question, ...call("2", "short")]), counter);
    expect(cut?.messages).toEqual([...first, question, ...call("2", "short")]);
  });

  test("then the middle of the last user message, with a note in its place", () => {
    const long = says("user", `QUESTION ${words(2_000)} END`);
    const cut = truncate([...first, ...middle, long], 300, counter);
    expect(cut?.messages.slice(0, 2)).toEqual(first);
    const [part] = cut?.messages.at(-1)?.parts ?? [];
    const said = part?.type === "text" ? part.text : "";
    expect(said).toMatch(/^QUESTION word0 .*\[… \d+ characters left out …\].* word1999 END$/);
    expect(cut?.charactersLeftOut).toBe(Number(/… (\d+) characters/.exec(said)?.[1]));
    expect(tokensOf(cut?.messages ?? [])).toBeGreaterThan(250);
  });

  test("then the first turn, when it leaves less than a quarter to the last", () => {
    const long = says("user", words(2_000));
    const wordy = [says("user", words(80)), says("assistant", words(80))];
    const cut = truncate([...wordy, ...middle, long], 300, counter);
    expect(cut?.messages).toHaveLength(1);
  });

  test("or the long result of a tool, which is then no longer JSON", () => {
    const result: Part = {
      type: "tool-result",
      toolCallId: "1",
      name: "f",
      text: "",
      structured: { a: words(900) },
      media: [],
      failed: false,
    };
    const messages = [
      question,
      { role: "assistant", parts: [toolCall("1")] } as const,
      { role: "tool", parts: [result] } as const,
    ];
    const cut = truncate(messages, 200, counter);
    expect(cut?.messages.at(-1)?.parts[0]).toMatchObject({ text: expect.stringMatching(/^\{"a":"word0.*left out/) });
    expect(cut?.messages.at(-1)?.parts[0]).not.toHaveProperty("structured");
  });

  test("is nothing that cannot be left out: what is still too long is said", () => {
    const image: Part = { type: "media", media: { data: new Uint8Array(1), mimeType: "image/png" } };
    expect(truncate([{ role: "user", parts: [image] }], 500, counter)).toBeUndefined();
  });
});
