import { createParser } from "eventsource-parser";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { answerWith, type ChatVendor, chunk, startChatVendor, type VendorCall } from "../support/chat-vendor.ts";
import { startVendor, type VendorAnswer, type VendorServer } from "../support/vendor-server.ts";
import { type CompatGateway, startCompatGateway } from "./compat-gateway.ts";
import { answered, post } from "./http-call.ts";

const environment = {
  SUPPORTED_PROVIDERS: "gpt,groq",
  OPENAI_MODEL_DEFAULT: "default-model",
  OPENAI_MODEL_FALLBACK: "fallback-model",
  OPENAI_TEMPERATURE: "0.5",
  OPENAI_MAX_TOKENS: "77",
  GPT_SYSTEM_PROMPT: "Be brief.",
  GENERIC_SYSTEM_PROMPT: "Be kind.",
  MAX_MESSAGE_LENGTH: "100",
};

let gateway: CompatGateway;
const at = (path: string) => `${gateway.url}${path}`;

beforeAll(async () => {
  gateway = await startCompatGateway(["chat", "livellm"], [], environment);
});
afterAll(() => gateway[Symbol.asyncDispose]());

let vendor: ChatVendor;
let answer: (call: VendorCall) => void = answerWith("Good ", "mörning 😀");

beforeEach(async () => {
  answer = answerWith("Good ", "mörning 😀");
  vendor = await startChatVendor((call) => answer(call));
  // The id that the environment's key would give it; the kind is one that any server can play.
  const provider = { uid: "openai", provider: "vllm", api_key: "k", base_url: vendor.baseUrl };
  await post(at("/livellm/providers/config"), provider);
});
afterEach(() => vendor[Symbol.asyncDispose]());

const hello = { messages: [{ role: "user", content: "Hello" }], model: "ignored" };

interface Event {
  readonly id?: string;
  readonly delta?: { readonly content: string; readonly model: string };
  readonly error?: string;
}

describe("POST /chat/{provider}", () => {
  test("of a provider that nobody has configured says that, and nothing of the others", async () => {
    const { status, text } = await post(at("/chat/groq"), hello);
    expect([status, JSON.parse(text)]).toMatchObject([
      503,
      { status: "error", code: 503, message: expect.stringContaining("The provider groq is not configured") },
    ]);
    expect(text).not.toContain("local");
  });

  test("answers byte for byte as Python would", async () => {
    const { status, headers, text } = await post(at("/chat/gpt"), hello, { "x-request-id": "r-1" });
    expect(status).toBe(200);
    expect(Object.fromEntries(headers)).toMatchObject({
      "content-type": "text/event-stream",
      "cache-control": "no-cache",
      "x-accel-buffering": "no",
      "x-request-id": "r-1",
    });
    const id = /gpt-\d{13}/.exec(text)?.[0];
    expect(text).toBe(
      `data: {"id": "${id}", "delta": {"content": "Good ", "model": "vendor-model-1"}}\n\n` +
        `data: {"id": "${id}", "delta": {"content": "m\\u00f6rning \\ud83d\\ude00", "model": "vendor-model-1"}}\n\n` +
        "data: [DONE]\n\n",
    );
  });

  test("reads the same wherever the network cuts it", async () => {
    answer = answerWith("Étoile ", "😀 \u2028 ", "one\ntwo");
    const response = await fetch(at("/chat/gpt"), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(hello),
    });
    const bytes = new Uint8Array(await response.arrayBuffer());
    const whole = "Étoile 😀 \u2028 one\ntwo";
    for (let cut = 0; cut <= bytes.length; cut++) {
      expect(textIn([bytes.subarray(0, cut), bytes.subarray(cut)])).toBe(whole);
    }
    expect(textIn(Array.from(bytes, (_, i) => bytes.subarray(i, i + 1)))).toBe(whole);
  });

  test("chooses model, temperature, limit and system prompt by itself", async () => {
    await post(at("/chat/gpt"), hello);
    const sent = JSON.parse(vendor.calls[0]?.body ?? "") as Record<string, unknown>;
    expect(sent).toMatchObject({ model: "default-model", temperature: 0.5 });
    expect(Object.values(sent)).toContain(77);
    expect(sent.messages).toEqual([
      { role: "system", content: "Be brief." },
      { role: "user", content: "Hello" },
    ]);
  });

  test("takes the conversation's own system prompt, and keeps those of two requests apart", async () => {
    const prompted = (content: string) => ({ messages: [{ role: "system", content }, ...hello.messages] });
    await Promise.all(["Be one.", "Be two.", " .. "].map((prompt) => post(at("/chat/gpt"), prompted(prompt))));
    const prompts = vendor.calls.map(
      ({ body }) => (JSON.parse(body) as { messages: { content: string }[] }).messages[0]?.content,
    );
    expect(prompts.sort()).toEqual(["Be brief.", "Be one.", "Be two."]);
  });

  test("takes the fallback model when the default one fails, without a word of it", async () => {
    answer = (call) =>
      call.body.includes("default-model") ? call.reply(500, { error: { message: "no" } }) : answerWith("rescued")(call);
    const { text } = await post(at("/chat/gpt"), hello);
    expect(events(text).map(({ delta }) => delta?.content)).toEqual(["rescued"]);
    expect(vendor.calls).toHaveLength(2);
  });

  test("never says anything twice: a failure in the middle is an error event, and no [DONE]", async () => {
    const { promise: called, resolve } = Promise.withResolvers<VendorCall>();
    answer = (call) => {
      call.begin();
      call.send(chunk({ role: "assistant", content: "Good " }));
      resolve(call);
    };
    const init = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(hello) };
    const response = await fetch(at("/chat/gpt"), init); // resolves with the first event on its way
    (await called).cut();
    const text = await response.text();
    expect(response.status).toBe(200);
    expect(text).not.toContain("[DONE]");
    expect(events(text)).toMatchObject([
      { delta: { content: "Good " } },
      { error: expect.stringContaining("broke off") },
    ]);
    expect(vendor.calls).toHaveLength(1);
  });

  test("a failure before the first word is a status, in both forms of an error", async () => {
    answer = (call) => call.reply(500, { error: { message: "no" } });
    const { status, text } = await post(at("/chat/gpt"), hello, { "x-request-id": "r-2" });
    expect(status).toBe(503);
    const body = JSON.parse(text) as Record<string, string>;
    expect(body).toMatchObject({ status: "error", code: 503, request_id: "r-2", detail: body.message });
    expect(Date.parse(body.timestamp ?? "")).toBeGreaterThan(0);
  });

  test("a client that goes away stops the provider", async () => {
    const { promise: called, resolve } = Promise.withResolvers<VendorCall>();
    answer = (call) => {
      call.begin();
      call.send(chunk({ role: "assistant", content: "Hel" }));
      resolve(call);
    };
    const controller = new AbortController();
    const init = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(hello) };
    await fetch(at("/chat/gpt"), { ...init, signal: controller.signal });
    controller.abort();
    await (await called).closed;
  });

  test.each([
    ["no messages", { messages: [] }, "too_short"],
    ["too many", { messages: Array.from({ length: 51 }, () => hello.messages[0]) }, "value_error"],
    ["an empty one", { messages: [{ role: "user", content: " " }] }, "value_error"],
    ["one that is too long", { messages: [{ role: "user", content: "x".repeat(101) }] }, "string_too_long"],
    ["a role that nobody has", { messages: [{ role: "tool", content: "x" }] }, "literal_error"],
  ])("refuses %s, before it looks at the provider", async (_, body, type) => {
    const { status, text } = await post(at("/chat/nobody"), body);
    expect(status).toBe(422);
    expect(JSON.parse(text)).toMatchObject({ detail: [{ type }] });
  });

  test("names the providers that there are", async () => {
    const { status, text } = await post(at("/chat/claude"), hello);
    expect([status, (JSON.parse(text) as { message: string }).message]).toEqual([
      400,
      "Invalid provider. Supported providers are: gpt, groq",
    ]);
  });
});

describe("health", () => {
  test("of the system", async () => {
    const { text } = await answered(at("/health"));
    expect(JSON.parse(text)).toEqual({
      status: "OK",
      message: "System operational",
      provider: null,
      metrics: null,
      error: null,
    });
  });

  /** A vendor of nothing but a list of models. */
  async function lister(answer: VendorAnswer): Promise<VendorServer> {
    const server = await startVendor({ headers: { "content-type": "application/json" }, ...answer });
    await post(at("/livellm/providers/config"), {
      uid: "openai",
      provider: "vllm",
      api_key: "k",
      base_url: `${server.url}/v1`,
    });
    return server;
  }

  test("of a provider, free of charge", async () => {
    await using models = await lister({ body: ['{"object":"list","data":[{"id":"default-model"}]}'] });
    const { status, text } = await answered(at("/health/gpt"));
    expect([status, JSON.parse(text)]).toMatchObject([200, { provider: "gpt", status: "OK", error: null }]);
    expect(text).toMatch(/"responseTime":"\d+\.\d{3}s"/);
    expect(models.calls.map(({ method, path }) => `${method} ${path}`)).toEqual(["GET /v1/models"]);
  });

  test("of a provider that does not answer, and of one that is not configured", async () => {
    await using _ = await lister({ status: 500, body: ['{"error":{"message":"down"}}'] });
    for (const name of ["gpt", "groq"]) {
      const { status, text } = await answered(at(`/health/${name}`));
      expect([status, JSON.parse(text)]).toMatchObject([
        200,
        {
          provider: name,
          status: "ERROR",
          metrics: { responseTime: "N/A" },
          error: { message: expect.any(String) },
        },
      ]);
    }
    expect(await answered(at("/health/nobody"))).toMatchObject({ status: 400 });
  });
});

test("the page, the failure on purpose, and what is not there", async () => {
  for (const place of ["/", "/docs", "/redoc"]) {
    const page = await answered(at(place));
    expect([page.status, page.headers.get("content-type")]).toEqual([200, "text/html; charset=utf-8"]);
  }
  const failure = await answered(at("/sentry-debug"));
  expect([failure.status, JSON.parse(failure.text)]).toMatchObject([500, { status: "error", code: 500 }]);
  expect(await answered(at("/chat/gpt"))).toMatchObject({ status: 405 });
});

test.each([
  [{ SUPPORTED_PROVIDERS: "gpt,acme" }, /SUPPORTED_PROVIDERS/],
  [{ OPENAI_TEMPERATURE: "warm" }, /OPENAI_TEMPERATURE/],
])("an environment that cannot be right is refused at the start: %j", async (wrong, message) => {
  await expect(startCompatGateway(["chat"], [], wrong)).rejects.toThrow(message);
});

function events(text: string): readonly Event[] {
  const found: Event[] = [];
  const parser = createParser({ onEvent: ({ data }) => data === "[DONE]" || found.push(JSON.parse(data) as Event) });
  parser.feed(text);
  return found;
}

/** The text of an answer that comes in pieces, read as a careful client does. */
function textIn(pieces: readonly Uint8Array[]): string {
  let text = "";
  let done = false;
  const parser = createParser({
    onEvent({ data }) {
      if (data === "[DONE]") done = true;
      else text += (JSON.parse(data) as Event).delta?.content ?? "";
    },
  });
  const decoder = new TextDecoder();
  for (const piece of pieces) parser.feed(decoder.decode(piece, { stream: true }));
  return done ? text : "the end is missing";
}
