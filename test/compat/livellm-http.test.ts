import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { answerWith, chunk, startChatVendor } from "../support/chat-vendor.ts";
import { type CompatGateway, startCompatGateway } from "./compat-gateway.ts";
import { answered, linesOf, post } from "./http-call.ts";

let gateway: CompatGateway;
const at = (path: string) => `${gateway.url}${path}`;
const json = <T>(text: string) => JSON.parse(text) as T;

beforeAll(async () => {
  gateway = await startCompatGateway(["livellm", "v1"], ["https://app.example.com"]);
});
afterAll(() => gateway[Symbol.asyncDispose]());

const user = (content: string) => ({ role: "user", content });
const ask = (content: string, more: object = {}) => ({
  provider_uid: "local",
  model: "echo",
  messages: [user(content)],
  tools: [],
  ...more,
});
const echoing = (options: object) => ({ gen_config: { extra_body: options } });

interface Line {
  readonly output: string;
  readonly error?: string;
  readonly status?: number;
}

describe("paths", () => {
  test.each([
    ["/livellm/ping", '{"success":true,"message":"ok"}'],
    ["/ping", '{"status":"ok"}'],
  ])("%s", async (path, body) => {
    const headers = { "content-type": "application/json" };
    expect(await answered(at(path), { headers })).toMatchObject({ status: 200, text: body });
  });

  test.each([
    ["GET", "/livellm/nothing", 404, "Not Found"],
    ["GET", "/livellm/livellm/ping", 404, "Not Found"],
    ["GET", "/livellm/agent/run", 405, "Method Not Allowed"],
    ["DELETE", "/livellm/providers/config/nobody", 404, "Config 'nobody' not found"],
  ])("%s %s is %i", async (method, path, status, detail) => {
    const answer = await answered(at(path), { method });
    expect(answer).toMatchObject({ status, text: JSON.stringify({ detail }) });
  });

  test("a last slash is redirected to the absolute address without it", async () => {
    const { status, headers } = await answered(at("/livellm/providers/configs/?a=1"));
    expect([status, headers.get("location")]).toEqual([307, at("/livellm/providers/configs?a=1")]);
  });

  test("everything else is the gateway's own", async () => {
    const answer = await post(at("/livellm.v1.AgentService/Run"), { route: { targets: [] }, messages: [] });
    expect(json<object>(answer.text)).toHaveProperty("code", "invalid_argument");
  });

  test("the OpenAPI document has every route, and no reference into nothing", async () => {
    const { text } = await answered(at("/livellm/openapi.json"));
    const { openapi, paths, components } = json<{
      openapi: string;
      paths: Record<string, Record<string, object>>;
      components: { schemas: object };
    }>(text);
    expect(openapi).toBe("3.1.0");
    for (const [path, methods] of Object.entries(paths)) {
      for (const method of Object.keys(methods)) {
        const { status } = await answered(at(`/livellm${path.replace("{uid}", "nobody")}`), {
          method: method.toUpperCase(),
        });
        expect([path, status]).not.toEqual([path, 405]);
        if (!path.includes("{")) expect([path, status]).not.toEqual([path, 404]);
      }
    }
    const names = [...text.matchAll(/#\/components\/schemas\/(\w+)/g)].map(([, name]) => name);
    expect(names.length).toBeGreaterThan(20);
    expect(names.filter((name) => !((name ?? "") in components.schemas))).toEqual([]);
  });

  test("the request's id comes back, and one that could forge a log line does not", async () => {
    const given = await answered(at("/livellm/ping"), { headers: { "x-request-id": "abc-1" } });
    expect(given.headers.get("x-request-id")).toBe("abc-1");
    const forged = await answered(at("/livellm/ping"), { headers: { "x-request-id": "a b" } });
    expect(forged.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
  });

  test("pages of the listed origins may call, with the methods of these routes", async () => {
    const headers = { origin: "https://app.example.com", "access-control-request-method": "DELETE" };
    const allowed = await answered(at("/livellm/providers/config/x"), { method: "OPTIONS", headers });
    expect([allowed.status, allowed.headers.get("access-control-allow-origin")]).toEqual([
      204,
      "https://app.example.com",
    ]);
    expect(allowed.headers.get("access-control-allow-methods")).toContain("DELETE");
    const foreign = { ...headers, origin: "https://evil.example.com" };
    expect(await answered(at("/livellm/providers/config/x"), { method: "OPTIONS", headers: foreign })).toMatchObject({
      status: 403,
    });
  });
});

describe("validation", () => {
  const issuesOf = async (path: string, body: unknown, headers: Record<string, string> = {}) => {
    const { status, text } = await post(at(path), body, headers);
    expect(status).toBe(422);
    return json<{ detail: { type: string; loc: (string | number)[]; msg: string; input: unknown; ctx?: object }[] }>(
      text,
    ).detail;
  };

  test("lists what is wrong with both forms of a body", async () => {
    const issues = await issuesOf("/livellm/agent/run", { provider_uid: "local", messages: [] });
    expect(issues).toEqual([
      {
        type: "missing",
        loc: ["body", "AgentRequest", "model"],
        msg: "Field required",
        input: { provider_uid: "local", messages: [] },
      },
      {
        type: "missing",
        loc: ["body", "AgentFallbackRequest", "requests"],
        msg: "Field required",
        input: { provider_uid: "local", messages: [] },
      },
    ]);
  });

  test("names the words that an enum takes", async () => {
    const [issue] = await issuesOf("/livellm/providers/config", { uid: "a", provider: "acme", api_key: "sk-secret" });
    expect(issue).toMatchObject({ type: "enum", loc: ["body", "provider"], input: "acme" });
    expect(issue?.ctx).toHaveProperty("expected", expect.stringContaining("'openai', 'openai_chat'"));
  });

  test("gives no key back", async () => {
    const { text } = await post(at("/livellm/providers/config"), { uid: "a", api_key: "sk-secret" });
    expect(text).toContain("Field required");
    expect(text).not.toContain("sk-secret");
  });

  test("malformed JSON, and JSON that is not said to be", async () => {
    expect(await issuesOf("/livellm/agent/run", '{"model": ]')).toMatchObject([
      { type: "json_invalid", loc: ["body", 10] },
    ]);
    const issues = await issuesOf("/livellm/agent/run", ask("Hi"), { "content-type": "text/plain" });
    expect(issues.map(({ type }) => type)).toEqual(["model_attributes_type", "model_attributes_type"]);
  });

  test.each([
    ["an int with a fraction", { context_limit: 1.5 }, "int_from_float"],
    ["an int in words", { context_limit: "many" }, "int_parsing"],
    [
      "a message of the model with a media type",
      { messages: [{ role: "model", content: "aGk=", mime_type: "image/png" }] },
      "enum",
    ],
    [
      "a file that is not base64",
      { messages: [{ role: "user", content: "not-valid-base64!!!", mime_type: "image/png" }] },
      "value_error",
    ],
    ["a tool without a kind", { tools: [{}] }, "missing"],
    ["a tool of no kind", { tools: [{ kind: "calculator" }] }, "enum"],
    ["a size in other words", { tools: [{ kind: "web_search", search_context_size: "huge" }] }, "literal_error"],
  ])("%s", async (_, more, type) => {
    const issues = await issuesOf("/livellm/agent/run", ask("Hi", more));
    expect(issues.map((issue) => issue.type)).toContain(type);
  });

  test.each([
    [{ messages: [] }, "Messages list cannot be empty"],
    [{ messages: [user("Hi"), { role: "model", content: "Hello" }] }, "Last message must be from user"],
    [
      { provider_uid: "nobody" },
      "Provider config with uid 'nobody' not found. Please register the config first using POST /providers/config",
    ],
  ])("in livellm's words: %j", async (more, detail) => {
    expect(await post(at("/livellm/agent/run"), ask("Hi", more))).toMatchObject({
      status: 400,
      text: JSON.stringify({ detail }),
    });
  });

  test("a body that is too large", async () => {
    const { status } = await post(at("/livellm/agent/run"), ask("x".repeat(9 * 1024 * 1024)));
    expect(status).toBe(413);
  });
});

describe("provider configs", () => {
  const put = (body: object) => post(at("/livellm/providers/config"), body);
  const listed = async (headers: Record<string, string> = {}) =>
    json<Record<string, unknown>[]>((await answered(at("/livellm/providers/configs"), { headers })).text);
  const remove = (uid: string) =>
    answered(at(`/livellm/providers/config/${encodeURIComponent(uid)}`), { method: "DELETE" });
  const config = { provider: "groq", api_key: "gsk-1", base_url: "http://127.0.0.1:9/v1" };

  test("that nobody could remove again are refused", async () => {
    const answer = await put({ uid: " ", ...config });
    expect([answer.status, answer.text]).toEqual([422, expect.stringContaining('"loc":["body","uid"]')]);
  });

  test("are added with 201, listed with a mask, and removed", async () => {
    expect(await put({ uid: "team one/ü", ...config })).toMatchObject({
      status: 201,
      text: '{"success":true,"message":"ok"}',
    });
    expect(await listed()).toEqual([
      { uid: "team one/ü", ...config, api_key: "**********", blacklist_models: null, model_configs: null },
    ]);
    expect(await remove("team one/ü")).toMatchObject({ status: 200 });
    expect(await listed()).toEqual([]);
  });

  test("keep their models' settings when an update says nothing of them", async () => {
    const model_configs = {
      m: {
        fallback: {
          fallback_provider_uid: "local",
          fallback_model: "echo",
          fallback_strategy: "parallel",
          context_limit: 50,
          context_overflow_strategy: "recycle",
        },
        context_limit: 100,
        context_overflow_strategy: "recycle",
      },
    };
    await put({ uid: "kept", ...config, model_configs });
    await put({ uid: "kept", ...config, api_key: "gsk-2", model_configs: null });
    const [kept] = await listed();
    expect(kept?.model_configs).toMatchObject(model_configs);
    await remove("kept");
  });

  test("may change their kind", async () => {
    await put({ uid: "changed", ...config });
    await put({ uid: "changed", ...config, provider: "anthropic" });
    expect(await listed()).toMatchObject([{ uid: "changed", provider: "anthropic" }]);
    await remove("changed");
  });

  test("that are refused leave nothing behind", async () => {
    expect(await put({ uid: "ghost", provider: "livellm", api_key: "" })).toMatchObject({ status: 400 });
    expect(await listed()).toEqual([]);
    expect(await remove("ghost")).toMatchObject({ status: 404 });
  });

  test("of a kind that a client does not know break no list", async () => {
    for (const provider of ["vllm", "openai_chat", "livellm"]) await put({ uid: provider, ...config, provider });
    const kinds = async (agent: string) => (await listed({ "user-agent": agent })).map(({ provider }) => provider);
    expect(await kinds("curl/8")).toEqual(["livellm", "openai_chat", "vllm"]);
    expect(await kinds("livellm-python/1.7.5")).toEqual(["openai", "openai"]);
    expect(await kinds("livellm-python/1.8.0")).toEqual(["openai_chat", "vllm"]);
    for (const uid of ["vllm", "openai_chat", "livellm"]) await remove(uid);
  });

  test("with a blacklisted model refuse it", async () => {
    await put({ uid: "picky", ...config, blacklist_models: ["bad"] });
    const answer = await post(at("/livellm/agent/run"), ask("Hi", { provider_uid: "picky", model: "bad" }));
    expect(answer).toMatchObject({
      status: 400,
      text: JSON.stringify({ detail: "Model 'bad' is blacklisted for provider 'picky'" }),
    });
    await remove("picky");
  });

  test("with a fallback for a model use it", async () => {
    await put({
      uid: "down",
      ...config,
      model_configs: { m: { fallback: { fallback_provider_uid: "local", fallback_model: "echo" } } },
    });
    const lines = linesOf<Line>(
      await post(at("/livellm/agent/run_stream"), ask("rescued", { provider_uid: "down", model: "m" })),
    );
    expect(lines.map(({ output }) => output)).toEqual(["rescued", ""]);
    await remove("down");
  });

  test("with a fallback that takes less cut the conversation for it alone", async () => {
    const fallback = { fallback_provider_uid: "local", fallback_model: "echo", context_limit: 60 };
    await put({ uid: "down", ...config, model_configs: { m: { fallback } } });
    const long = Array.from({ length: 300 }, (_, i) => `word${i}`).join(" ");
    const answer = async (body: object) =>
      json<{ output: string }>((await post(at("/livellm/agent/run"), body)).text).output;
    const cut = await answer(ask(long, { provider_uid: "down", model: "m" }));
    expect(cut).toMatch(/^word0 .* word299$/s);
    expect(cut.length).toBeLessThan(long.length / 2);
    expect(await answer(ask(long))).toBe(long);
    await remove("down");
  });
});

describe("agent streams", () => {
  const outputs = async (body: object, query = "") =>
    linesOf<Line>(await post(at(`/livellm/agent/run_stream${query}`), body)).map(({ output }) => output);

  test("are cumulative, and deltas when asked", async () => {
    expect(await outputs(ask("one two three"))).toEqual(["one", "one two", "one two three", ""]);
    expect(await outputs(ask("one two three"), "?delta=1")).toEqual(["one", " two", " three", ""]);
  });

  test("hold no character that Python takes for the end of a line", async () => {
    const { text } = await post(at("/livellm/agent/run_stream"), ask("a\u2028b\u2029c\u0085d"));
    expect(text).not.toMatch(/[\u2028\u2029\u0085]/);
    expect(linesOf<Line>({ status: 200, headers: new Headers(), text }).at(-2)?.output).toBe("a\u2028b\u2029c\u0085d");
  });

  test("an error before the first token is a status; where a fallback is, not even that", async () => {
    const failing = ask("secret words", echoing({ fail_before: "rate_limited" }));
    expect(await post(at("/livellm/agent/run_stream"), failing)).toMatchObject({ status: 429 });
    expect(await outputs({ requests: [failing, ask("rescued")], timeout_per_request: 0.5 })).toEqual(["rescued", ""]);
  });

  test("when requests that differ all fail, the answer says what each of them failed with", async () => {
    const requests = [
      ask("one", echoing({ fail_before: "rate_limited" })),
      ask("two", echoing({ fail_before: "provider_unavailable" })),
    ];
    const { status, text } = await post(at("/livellm/agent/run"), { requests });
    expect(status).toBe(503);
    expect(text).toContain("All requests failed: local/echo: ");
    expect(text).toContain("rate_limited; local/echo: ");
    expect(text).toContain("provider_unavailable");
  });

  test("pass over requests to configs that are not there, unless there are no others", async () => {
    const nobody = (uid: string) => ask("lost", { provider_uid: uid });
    for (const strategy of ["sequential", "parallel"]) {
      expect(await outputs({ requests: [nobody("a"), nobody("b"), ask("rescued")], strategy })).toEqual([
        "rescued",
        "",
      ]);
    }
    const refused = await post(at("/livellm/agent/run"), { requests: [nobody("a"), nobody("b")] });
    expect([refused.status, refused.text]).toEqual([
      400,
      expect.stringContaining("Provider config with uid 'b' not found"),
    ]);
  });

  test("an error in the middle is a last line, and the body is whole", async () => {
    const answer = await post(
      at("/livellm/agent/run_stream"),
      ask("one two", echoing({ fail_after: "provider_unavailable" })),
    );
    const lines = linesOf<Line>(answer);
    expect(lines.map(({ output }) => output)).toEqual(["one", undefined]);
    expect(lines.at(-1)).toMatchObject({ error: expect.stringContaining("broke off"), status: 503 });
  });

  test("what has begun is not taken over by a request that asks something else", async () => {
    const requests = [ask("one two", echoing({ fail_after: "provider_unavailable" })), ask("another answer")];
    const answer = await post(at("/livellm/agent/run_stream"), { requests });
    expect(linesOf<Line>(answer)).toMatchObject([{ output: "one" }, { error: expect.any(String) }]);
    expect(answer.text).not.toContain("another");
  });

  test("with a timeout in fractions of a second the next target takes over", async () => {
    const slow = ask("slow", echoing({ pace_ms: 20_000 }));
    expect(await outputs({ requests: [slow, ask("quick")], timeout_per_request: 0.2 })).toEqual(["quick", ""]);
  });

  test("when all targets fail, each is named", async () => {
    const requests = [
      ask("Hi", echoing({ fail_before: "provider_unavailable" })),
      ask("Hi", { provider_uid: "local", ...echoing({ fail_before: "provider_unavailable" }) }),
    ];
    const { status, text } = await post(at("/livellm/agent/run"), { requests });
    expect(status).toBe(503);
    expect(text.match(/local\/echo: /g)).toHaveLength(2);
  });

  test("a client that goes away stops the provider", async () => {
    await using vendor = await startChatVendor();
    await post(at("/livellm/providers/config"), {
      uid: "gone",
      provider: "groq",
      api_key: "k",
      base_url: vendor.baseUrl,
    });
    const controller = new AbortController();
    const response = fetch(at("/livellm/agent/run_stream"), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(ask("Hi", { provider_uid: "gone", model: "m" })),
      signal: controller.signal,
    });
    const call = await vendor.nextCall();
    call.begin();
    call.send(chunk({ role: "assistant", content: "Hel" }));
    await response;
    controller.abort();
    await call.closed;
  });
});

describe("what reaches the provider", () => {
  interface Sent {
    readonly messages: readonly Record<string, unknown>[];
    readonly response_format?: { readonly json_schema: { readonly name: string; readonly schema: object } };
    readonly [field: string]: unknown;
  }

  const sentBy = async (body: object): Promise<Sent> => {
    await using vendor = await startChatVendor(answerWith('{"age":', " 7}"));
    await post(at("/livellm/providers/config"), {
      uid: "seen",
      provider: "vllm",
      api_key: "k",
      base_url: vendor.baseUrl,
    });
    const answer = await post(at("/livellm/agent/run"), {
      ...ask("Hi", { provider_uid: "seen", model: "m" }),
      ...body,
    });
    expect(answer.text).toContain('"output"');
    return json<Sent>(vendor.calls[0]?.body ?? "");
  };

  test("settings, nulls and all", async () => {
    const sent = await sentBy({ gen_config: { temperature: 0, max_tokens: 5, top_p: 0.5, unheard_of: 1 } });
    expect(sent).toMatchObject({ temperature: 0, top_p: 0.5 });
    expect(sent).not.toHaveProperty("unheard_of");
  });

  test("a schema whole, its null keywords left out", async () => {
    const schema = {
      title: "Person",
      description: null,
      properties: {
        age: { anyOf: [{ type: "integer" }, { type: "null" }], minLength: null },
        born: { type: "string", format: "date" },
      },
      required: ["age"],
    };
    const sent = await sentBy({ output_schema: schema });
    expect(sent.response_format?.json_schema).toMatchObject({
      name: "Person",
      schema: {
        type: "object",
        title: "Person",
        properties: {
          age: { anyOf: [{ type: "integer" }, { type: "null" }] },
          born: { type: "string", format: "date" },
        },
      },
    });
    expect(JSON.stringify(sent.response_format)).not.toContain("minLength");
  });

  test("calls of tools with ids, and the results that belong to them", async () => {
    const messages = [
      user("Weather?"),
      { role: "tool_call", tool_name: "weather", args: { city: "Bern" } },
      { role: "tool_call", tool_name: "weather", args: '{"city":"Basel"}' },
      { role: "tool_return", tool_name: "weather", content: "sun" },
      { role: "tool_return", tool_name: "weather", content: { sky: "rain" } },
      user("So?"),
      user("Which?"),
    ];
    const sent = await sentBy({ messages });
    const [, calls, first, second, last] = sent.messages;
    const ids = ((calls?.tool_calls ?? []) as { id: string }[]).map(({ id }) => id);
    expect([first?.tool_call_id, second?.tool_call_id]).toEqual(ids);
    expect(new Set(ids).size).toBe(2);
    expect(JSON.stringify(last)).toContain("Which?");
    expect(sent.messages).toHaveLength(5);
  });

  test("a file with its caption before it", async () => {
    const file = {
      role: "user",
      content: Buffer.from("png").toString("base64"),
      mime_type: "image/png",
      caption: "A cat",
    };
    const sent = await sentBy({ messages: [{ role: "assistant", content: "Yes?" }, file, user("What is it?")] });
    const parts = sent.messages.at(-1)?.content as { type: string }[];
    expect(parts.map(({ type }) => type)).toEqual(["text", "image_url", "text"]);
  });

  test("with a schema, every line of a stream is JSON", async () => {
    await using vendor = await startChatVendor(answerWith('{"na', 'me": "Ad', 'a", "age": 3', "6}"));
    await post(at("/livellm/providers/config"), {
      uid: "seen",
      provider: "vllm",
      api_key: "k",
      base_url: vendor.baseUrl,
    });
    const body = ask("Hi", {
      provider_uid: "seen",
      model: "m",
      output_schema: { title: "P", properties: { name: { type: "string" } } },
    });
    const lines = linesOf<Line>(await post(at("/livellm/agent/run_stream"), body)).map(({ output }) => output);
    expect(lines.slice(0, -1).map((line) => JSON.parse(line) as object)).toEqual([
      {},
      { name: "Ad" },
      { name: "Ada" },
      { name: "Ada", age: 36 },
    ]);
  });
});

test("history comes with ids, arguments as objects and results as texts", async () => {
  const messages = [
    user("Hi"),
    { role: "tool_call", tool_name: "t", args: '{"a":1}' },
    { role: "tool_return", tool_name: "t", content: { b: 2 } },
    user("So?"),
  ];
  const { text } = await post(at("/livellm/agent/run"), ask("", { messages, include_history: true }));
  expect(json<{ history: object[] }>(text).history).toEqual([
    { role: "user", content: "Hi" },
    { role: "tool_call", tool_name: "t", args: { a: 1 } },
    { role: "tool_return", tool_name: "t", content: '{"b":2}' },
    { role: "user", content: "So?" },
    { role: "model", content: "So?" },
  ]);
});

test("while the server drains, new requests get 503", async () => {
  const draining = await startCompatGateway();
  draining.drain();
  expect(await answered(`${draining.url}/livellm/ping`)).toMatchObject({ status: 503 });
  await draining[Symbol.asyncDispose]();
});
