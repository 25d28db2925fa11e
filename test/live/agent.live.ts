import type { JsonObject } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { faces, textOfEvents } from "../support/faces.ts";
import { type Gateway, startGateway } from "../support/gateway.ts";
import { type LiveVendor, liveVendors } from "./vendors.ts";

let gateway: Gateway;
beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.stop());

function routeTo({ kind, model, apiKey, baseUrl }: LiveVendor): object {
  const inlineProvider = { kind, ...(apiKey && { apiKey }), ...(baseUrl && { baseUrl }) };
  return { targets: [{ inlineProvider, model }] };
}

async function run(vendor: LiveVendor, request: object): Promise<JsonObject> {
  const response = await fetch(`${gateway.url}/livellm.v1.AgentService/Run`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ route: routeTo(vendor), ...request }),
    signal: AbortSignal.timeout(110_000),
  });
  const body = (await response.json()) as JsonObject;
  expect([response.status, body.message]).toEqual([200, undefined]);
  return body;
}

const weather = {
  name: "get_weather",
  description: "The weather of a city, now.",
  inputSchema: {
    type: "object",
    properties: { city: { type: "string" } },
    required: ["city"],
    additionalProperties: false,
  },
};

describe.each(liveVendors)("$kind ($needs)", (vendor) => {
  const skip = !vendor.apiKey && !vendor.baseUrl;

  test.skipIf(skip)("streams a text, and says what it took", async () => {
    const [face] = faces;
    const request = { route: routeTo(vendor), messages: [{ text: "Answer with the one word: pong" }] };
    const outcome = await face?.runStream(gateway.url, request, AbortSignal.timeout(110_000));
    expect(outcome?.status).toMatchObject({ code: "ok" });
    expect(textOfEvents(outcome?.events ?? [])).toMatch(/pong/i);
    expect(outcome?.events.at(-1)?.finished).toMatchObject({
      finishReason: "FINISH_REASON_STOP",
      usage: { inputTokens: expect.any(Number), outputTokens: expect.any(Number), modelCalls: 1 },
    });
  });

  test.skipIf(skip)("calls a tool, and answers with its result", async () => {
    const config = { tools: [{ function: weather }] };
    const messages = [{ text: "What is the weather in Bern? Use the tool." }];
    const asked = await run(vendor, { messages, config });
    expect(asked).toMatchObject({
      finishReason: "FINISH_REASON_TOOL_CALLS",
      pendingToolCalls: [{ name: "get_weather", arguments: { city: expect.stringMatching(/Bern/) } }],
    });
    const calls = asked.pendingToolCalls as { id: string }[];
    const results = calls.map(({ id }) => ({ toolResult: { toolCallId: id, text: "17 degrees, hail" } }));
    const history = [...messages, ...(asked.messages as JsonObject[]), { role: "tool", parts: results }];
    expect((await run(vendor, { messages: history, config })).text).toMatch(/hail|17/i);
  });

  test.skipIf(skip)("answers in JSON that keeps to a schema", async () => {
    const schema = {
      type: "object",
      properties: { city: { type: "string" }, country: { type: "string" } },
      required: ["city", "country"],
      additionalProperties: false,
    };
    const config = { outputFormat: { jsonSchema: { name: "place", schema } } };
    const { text, warnings } = await run(vendor, { messages: [{ text: "The capital of Switzerland." }], config });
    expect(JSON.parse(String(text))).toMatchObject({
      city: expect.stringMatching(/Bern/),
      country: expect.any(String),
    });
    expect(((warnings ?? []) as { code: string }[]).map(({ code }) => code)).not.toContain("output-invalid");
  });
});
