import { expect, test } from "vitest";
import { readModels } from "../../../src/providers/openai-compatible/models.ts";

test("what the vendors say of their models, and no more", () => {
  const list = [
    { id: "gpt-5", object: "model", created: 1, owned_by: "openai", shutdown_date: "2026-12-11" },
    { id: "gpt-5.6", shutdown_date: null },
    { id: "a/b", name: "A: B", context_length: 200_000, top_provider: { max_completion_tokens: 64_000 } },
    { id: "mistral-small", name: "mistral-small", aliases: ["mistral-small", "small"], max_context_length: 32_768 },
    { id: "local", max_model_len: 4096 },
    { object: "model" },
  ];
  const expected = [
    { id: "gpt-5", retireTime: new Date("2026-12-11") },
    { id: "gpt-5.6" },
    { id: "a/b", displayName: "A: B", contextWindow: 200_000, maxOutputTokens: 64_000 },
    { id: "mistral-small", aliases: ["small"], contextWindow: 32_768 },
    { id: "local", contextWindow: 4096 },
  ];
  expect(readModels({ object: "list", data: list })).toEqual(expected);
  expect(readModels(list)).toEqual(expected);
});

test("an answer that is no list is unreadable", () => {
  expect(() => readModels({ error: "no" })).toThrow(expect.objectContaining({ reason: "bad_provider_response" }));
});
