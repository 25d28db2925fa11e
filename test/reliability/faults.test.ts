import type { JsonObject } from "@bufbuild/protobuf";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type FaultGateway, startFaultGateway } from "../../reliability/fault-gateway.ts";
import { lies } from "../../reliability/fault-table.ts";
import { judgeChat } from "../../reliability/judge-chat.ts";
import { judgeConversation } from "../../reliability/judge-conversation.ts";
import { runChatFaults } from "../../reliability/run-chat-faults.ts";
import { runConversationFaults } from "../../reliability/run-conversation-faults.ts";
import { runLiveFaults } from "../../reliability/run-live-faults.ts";
import { runSpeechFaults } from "../../reliability/run-speech-faults.ts";

let gateway: FaultGateway;

beforeAll(async () => {
  gateway = await startFaultGateway();
});
afterAll(() => gateway[Symbol.asyncDispose]());

test("of 300 faults of chat vendors none becomes a lie", { timeout: 120_000 }, async () => {
  const results = await runChatFaults(gateway, { count: 300, seed: 7 });
  expect(lies(results)).toEqual([]);
  expect(results).toHaveLength(300);
});

// Strides that have no factor in common with the product's sides: every fault, kind and face comes up.
test("nor one of vendors that speak", { timeout: 120_000 }, async () => {
  const results = await runSpeechFaults(gateway, 11);
  expect(lies(results)).toEqual([]);
  expect(results.length).toBeGreaterThan(50);
});

test("nor one of live sessions", { timeout: 120_000 }, async () => {
  const results = await runLiveFaults(gateway, 7);
  expect(lies(results)).toEqual([]);
  expect(results.length).toBeGreaterThan(30);
});

test("nor one of conversations", { timeout: 120_000 }, async () => {
  const results = await runConversationFaults(11);
  expect(lies(results)).toEqual([]);
  expect(results.length).toBeGreaterThan(100);
});

test("the judge of conversations knows a lie", () => {
  const silence = Buffer.alloc(0);
  const turn = (text: string) => ({ text, audio: undefined });
  const heard = (text: string, finishReason?: string) => ({
    text,
    audio: silence,
    ...(finishReason && { finishReason }),
  });
  const strike = { name: "cut", errors: ["unavailable"], inAnswer: () => undefined };
  const expected = { fault: strike, turns: [turn("one two"), turn("three")], nextTurns: undefined };
  const judge = (answers: ReturnType<typeof heard>[], code: string, fault: Partial<typeof strike> = strike) =>
    judgeConversation({ answers, code, message: "" }, { ...expected, fault: { name: "none", errors: [], ...fault } })
      .told;
  const whole = heard("one two", "stop");
  expect(judge([whole, heard("three", "stop")], "ok", {})).toBe("the answer");
  expect(judge([whole, heard("thr")], "unavailable")).toBe("a true error");
  expect(judge([whole, heard("thr", "stop")], "unavailable")).toBe("a silent truncation");
  expect(judge([whole], "ok", {})).toBe("a silent truncation");
  expect(judge([whole, heard("three", "stop")], "ok")).toBe("a silent truncation");
  expect(judge([whole, heard("four")], "unavailable")).toBe("an untruth");
  expect(judge([whole], "internal")).toBe("an untruth");
  expect(judge([whole], "error")).toBe("an untruth");
  const before = { fault: { name: "refused", errors: ["unavailable"] }, turns: [turn("a")], nextTurns: [turn("b")] };
  expect(judgeConversation({ answers: [heard("b", "stop")], code: "ok", message: "" }, before).told).toBe(
    "the next target's answer",
  );
  expect(judgeConversation({ answers: [], code: "unavailable", message: "" }, before).told).toBe("an untruth");
});

test("the judge knows a lie", () => {
  const status = { code: "ok", message: "", detail: undefined };
  const said = (text: string): JsonObject[] => [{ textDelta: { text } }, { finished: { text } }];
  const truth = { answer: true, errors: ["unavailable"], nothingSent: false };
  const expected = { turn: { text: "one two" }, truth };
  expect(judgeChat({ events: said("one two"), status }, expected).told).toBe("the answer");
  expect(judgeChat({ events: said("one"), status }, expected).told).toBe("a silent truncation");
  const unproven = { ...expected, truth: { ...truth, answer: false } };
  expect(judgeChat({ events: said("one two"), status }, unproven).told).toBe("a silent truncation");
  const error = { code: "internal", message: "", detail: { reason: "REASON_UNKNOWN" } };
  expect(judgeChat({ events: [], status: error }, expected).told).toBe("an untruth");
  const next = { ...expected, truth: { ...truth, nothingSent: true }, nextText: "other" };
  expect(judgeChat({ events: [], status: { ...error, code: "unavailable" } }, next).told).toBe("an untruth");
});
