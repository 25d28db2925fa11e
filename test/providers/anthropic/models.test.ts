import Anthropic from "@anthropic-ai/sdk";
import { expect, test } from "vitest";
import { anthropic } from "../../../src/providers/anthropic/index.ts";
import { startVendor, type VendorServer } from "../../support/vendor-server.ts";
import { buildProvider } from "../openai-compatible/provider.ts";

const model = (id: string, more: object = {}) => ({ type: "model", id, display_name: id.toUpperCase(), ...more });
const { signal } = new AbortController();

/** Two pages, as the API gives them. */
function page({ path }: VendorServer["calls"][number]) {
  const second = new URL(path, "http://v").searchParams.get("after_id") === "claude-b";
  const limits = { max_input_tokens: 1_000_000, max_tokens: 128_000, retires_at: null };
  const data = second
    ? [model("claude-c", { max_input_tokens: null, retires_at: "2026-11-30T00:00:00Z" })]
    : [model("claude-a", limits), model("claude-b")];
  return { body: [JSON.stringify({ data, has_more: !second, first_id: "x", last_id: data.at(-1)?.id })] };
}

test("models, page by page, with what the vendor says of them; the official SDK finds the same", async () => {
  await using vendor = await startVendor();
  vendor.answerWith(page);
  await using provider = buildProvider(anthropic, { baseUrl: vendor.url, apiKey: "sk-ant-1" });
  const models = await provider.models.list(signal);
  expect(models).toEqual([
    { id: "claude-a", displayName: "CLAUDE-A", contextWindow: 1_000_000, maxOutputTokens: 128_000 },
    { id: "claude-b", displayName: "CLAUDE-B" },
    { id: "claude-c", displayName: "CLAUDE-C", retireTime: new Date("2026-11-30T00:00:00Z") },
  ]);
  expect(vendor.calls.map(({ method, path }) => `${method} ${path}`)).toEqual([
    "GET /v1/models?limit=1000",
    "GET /v1/models?limit=1000&after_id=claude-b",
  ]);
  expect(vendor.calls[0]?.headers).toMatchObject({ "x-api-key": "sk-ant-1", "anthropic-version": "2026-10-21" });
  vendor.answerWith((call) => ({ ...page(call), headers: { "content-type": "application/json" } }));
  const sdk = new Anthropic({ apiKey: "k", authToken: null, baseURL: vendor.url, maxRetries: 0 });
  const theirs = await Array.fromAsync(sdk.models.list());
  expect(theirs.map(({ id }) => id)).toEqual(models.map(({ id }) => id));
});

test("a list that never ends does", async () => {
  await using vendor = await startVendor({ body: ['{"data":[{"id":"a"}],"has_more":true,"last_id":"a"}'] });
  await using provider = buildProvider(anthropic, { baseUrl: vendor.url, apiKey: "k" });
  expect(await provider.models.list(signal)).toHaveLength(20);
});

test("an answer that is no list is unreadable", async () => {
  await using vendor = await startVendor({ body: ['{"models":[]}'] });
  await using provider = buildProvider(anthropic, { baseUrl: vendor.url, apiKey: "k" });
  await expect(provider.models.list(signal)).rejects.toMatchObject({ reason: "bad_provider_response" });
});
