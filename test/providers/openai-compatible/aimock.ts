import { LLMock } from "@copilotkit/aimock";
import { expect } from "vitest";
import type { Chat, ChatRequest } from "../../../src/core/chat.ts";
import { type BuiltProvider, runStream, runWhole } from "./provider.ts";
import { type Answer, assemble, callsOf, textOf } from "./reading.ts";

/** An independent vendor: @copilotkit/aimock. */
export async function startAimock(): Promise<LLMock & AsyncDisposable> {
  const mock = new LLMock({ port: 0 });
  mock.onMessage("hello", { content: "Hi there, how are you?" });
  mock.onMessage("weather", { toolCalls: [{ id: "call_w", name: "get_weather", arguments: '{"city":"Zürich"}' }] });
  mock.onMessage("think", { content: "Forty-two.", reasoning: "Let me think." });
  mock.onMessage("limit", {
    error: { message: "Slow down", type: "rate_limit_error", code: "rate_limit_exceeded" },
    status: 429,
  });
  mock.onMessage(
    "broken",
    { content: "This will never be finished, whatever you do." },
    { truncateAfterChunks: 3, latency: 1 },
  );
  await mock.start();
  return Object.assign(mock, {
    [Symbol.asyncDispose]: async () => {
      await mock.stop();
    },
  });
}

/**
 * What an adapter has to make of the mock's answers, streamed and unary: text, a tool call, a refusal, a stream that breaks
 * off. Returns the answers with reasoning, of which each vendor has a form of its own. `callId` is the vendor's id of the call.
 */
export async function expectAnswersOfAimock(
  chat: BuiltProvider["chat"],
  say: (prompt: string) => ChatRequest,
  callId: unknown = "call_w",
): Promise<readonly Answer[]> {
  const { signal } = new AbortController();
  const both = async (prompt: string) => [
    await runWhole(chat, say(prompt)),
    assemble(await chat.generate(say(prompt), signal)),
  ];
  for (const answer of await both("hello")) {
    expect(textOf(answer)).toBe("Hi there, how are you?");
    expect(answer.finished?.finishReason).toBe("stop");
  }
  for (const answer of await both("weather")) {
    expect(callsOf(answer)).toEqual([{ id: callId, name: "get_weather", argumentsJson: '{"city":"Zürich"}' }]);
    expect(answer.finished?.finishReason).toBe("tool_calls");
  }
  await expectFailuresOfAimock(chat, say);
  return both("think");
}

async function expectFailuresOfAimock(chat: Chat, say: (prompt: string) => ChatRequest): Promise<void> {
  const limited = await runStream(chat, say("limit"));
  expect(limited.error).toMatchObject({ code: "resource_exhausted", reason: "rate_limited" });
  const broken = await runStream(chat, say("broken"));
  expect(broken.error).toMatchObject({ code: "unavailable", reason: "stream_broken" });
}
