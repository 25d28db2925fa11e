import { expect, test } from "vitest";
import type { Message } from "../../../src/core/chat.ts";
import { mistral } from "../../../src/providers/mistral/index.ts";
import { startVendor, type VendorServer } from "../../support/vendor-server.ts";
import { buildProvider, runStream, runWhole } from "../openai-compatible/provider.ts";
import { assemble, fixture, textOf } from "../openai-compatible/reading.ts";
import { chatRequest, generation, result, user } from "../openai-compatible/request.ts";

const body = (name: string) => fixture(`mistral/${name}.sse`);
const say = (text: string, messages: readonly Message[] = [user({ type: "text", text })]) =>
  chatRequest({ model: "mistral-small-latest", messages });
const buildOn = (vendor: VendorServer) => buildProvider(mistral, { baseUrl: `${vendor.url}/v1`, apiKey: "m-1" });

test("sends the key, the request in Mistral's words, and no more", async () => {
  await using vendor = await startVendor({ body: [body("text")] });
  await using provider = buildOn(vendor);
  const request = { ...say("Hi"), generation: generation({ seed: 7, maxOutputTokens: 9 }), userId: "u-1" };
  const { events } = await runStream(provider.chat, request);
  expect(textOf(assemble(events))).toBe("Grüezi, 👋🏽 world");
  expect(assemble(events).finished?.usage).toMatchObject({ inputTokens: 14, outputTokens: 8 });
  expect(vendor.calls[0]).toMatchObject({ path: "/v1/chat/completions", headers: { authorization: "Bearer m-1" } });
  expect(JSON.parse(vendor.calls[0]?.body ?? "")).toEqual({
    model: "mistral-small-latest",
    messages: [{ role: "user", content: "Hi" }],
    random_seed: 7,
    max_tokens: 9,
    stream: true,
  });
});

test("an answer is the history of the next step; ids of other vendors are made to fit", async () => {
  await using vendor = await startVendor({ body: [body("reasoning-and-tool")] });
  await using provider = buildOn(vendor);
  const first = await runWhole(provider.chat, say("Weather?"));
  expect(first.parts).toMatchObject([{ type: "reasoning", text: "The user wants the weather." }, { id: "D681PevKs" }]);
  const foreign = { type: "tool-call", id: "call_1", name: "f", argumentsJson: "{}", executor: "client" } as const;
  const earlier: Message[] = [...say("Go").messages, { role: "assistant", parts: [foreign] }, result("call_1")];
  vendor.answerWith({ body: [body("text")] });
  const messages: Message[] = [...earlier, { role: "assistant", parts: first.parts }, result("D681PevKs")];
  await runWhole(provider.chat, say("", messages));
  const [, asked, answered, ...rest] = JSON.parse(vendor.calls[1]?.body ?? "").messages;
  expect(asked.tool_calls[0].id).toMatch(/^[a-zA-Z0-9]{9}$/);
  expect(answered.tool_call_id).toBe(asked.tool_calls[0].id);
  expect(rest).toMatchObject([{ tool_calls: [{ id: "D681PevKs" }] }, { role: "tool", tool_call_id: "D681PevKs" }]);
});

test("lists models", async () => {
  const list = { data: [{ id: "mistral-small-2603", aliases: ["mistral-small-latest"], max_context_length: 131_072 }] };
  await using vendor = await startVendor({ body: [JSON.stringify(list)] });
  await using provider = buildOn(vendor);
  expect(await provider.models.list(new AbortController().signal)).toEqual([
    { id: "mistral-small-2603", aliases: ["mistral-small-latest"], contextWindow: 131_072 },
  ]);
  expect(vendor.calls[0]).toMatchObject({ method: "GET", path: "/v1/models" });
});
