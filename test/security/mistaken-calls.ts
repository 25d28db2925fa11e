import { content, secrets } from "./old-surface-calls.ts";

/** A request of an old client that is not right, with secrets where they belong and where they do not. */
interface Mistake {
  readonly what: string;
  readonly path: string;
  readonly init: RequestInit;
}

const admin = { authorization: `Bearer ${secrets.administrator}` };
const json = { ...admin, "content-type": "application/json" };
const byHeaders = { ...json, "x-provider": "openai", "x-api-key": secrets.headerKey };
const config = { uid: "wrong", provider: "openai_chat", api_key: secrets.configuredKey, base_url: "http://a" };
const ask = { provider_uid: "kept", model: "m-1", messages: [{ role: "user", content: content.prompt }] };
const toolHeaders = { authorization: `Bearer ${secrets.toolHeader}` };
const { configuredKey, toolHeader } = secrets;

const configs = "/livellm/providers/config";
const run = "/livellm/agent/run";

/** Each is refused with a status of 400 and above. */
export const mistakes: readonly Mistake[] = [
  post("a config without an id", configs, { ...config, uid: undefined }),
  post("a config of an unknown kind", configs, { ...config, provider: "acme" }),
  post("a key in a list", configs, { ...config, api_key: [configuredKey] }),
  post("a key in an object", configs, { ...config, api_key: { value: configuredKey } }),
  post("a key under another name", configs, { uid: "x", provider: "openai", apiKey: configuredKey }),
  post("a config in a list", configs, [config]),
  post("a config in a text", configs, JSON.stringify(config)),
  post("a key with a line break", configs, { ...config, api_key: `${configuredKey}\n` }),
  post("a key in the address", configs, { ...config, base_url: `http://user:${secrets.addressPassword}@[` }),
  post("a password in the address", configs, { ...config, base_url: `http://user:${secrets.addressPassword}@a/` }),
  post("a key in the models", configs, { ...config, model_configs: { m: { fallback: { api_key: [configuredKey] } } } }),
  raw("a config that is not said to be JSON", configs, JSON.stringify(config), admin),
  raw("a config cut short", configs, JSON.stringify(config).slice(0, -2), json),
  post("a tool without an address", run, {
    ...ask,
    tools: [{ kind: "mcp_streamable", kwargs: { headers: toolHeaders } }],
  }),
  post("a tool of no kind", run, { ...ask, tools: [{ kwargs: { headers: toolHeaders } }] }),
  post("a tool's options in a text", run, { ...ask, tools: [{ url: "http://a", kwargs: `Bearer ${toolHeader}` }] }),
  post("a tool's options in a list", run, { ...ask, tools: [{ url: "http://a", kwargs: [toolHeaders] }] }),
  post("a tool beside a run", run, {
    ...ask,
    messages: undefined,
    tools: [{ url: "http://a", kwargs: { headers: toolHeaders } }],
  }),
  post("messages of no role", run, { ...ask, messages: [{ role: "nobody", content: content.prompt }] }),
  post("nobody's provider", run, { ...ask, provider_uid: "nobody" }),
  post("v1 of an unknown provider", "/agent/run", ask, { ...byHeaders, "x-provider": "acme" }),
  post("v1 with the key in the provider's place", "/agent/run", ask, { ...byHeaders, "x-provider": secrets.headerKey }),
  post("v1 without a provider", "/agent/run", ask, { ...json, "x-api-key": secrets.headerKey }),
  post("v1 without messages", "/agent/run", { model: "m-1", api_key: [secrets.headerKey] }, byHeaders),
  post("v1 at an address that is none", "/agent/run", ask, {
    ...byHeaders,
    "x-base-url": `http://${secrets.headerKey} x/`,
  }),
  post("v1 with a path for an address", "/agent/run", ask, {
    ...byHeaders,
    "x-base-url": `file:///${secrets.headerKey}`,
  }),
  post("chat without a role", "/chat/groq", { messages: [{ content: content.prompt }], api_key: configuredKey }),
  post("chat with nobody", `/chat/${secrets.headerKey}`, { messages: ask.messages }),
  post("a completion without messages", "/api/chat/completions", { api_key: configuredKey, headers: toolHeaders }),
  post("a completion of an unknown part", "/api/chat/completions", {
    messages: [{ role: "user", content: [toolHeaders] }],
  }),
  form(
    "v1 with options that are no JSON",
    "/audio/transcribe",
    { model: "m-1", gen_config: `{"api_key": ${configuredKey}` },
    byHeaders,
  ),
  form("a recording with options that are no JSON", "/livellm/audio/transcribe", {
    provider_uid: "kept",
    model: "m-1",
    gen_config: "sk-canary-x",
  }),
  form("a recording of no provider", "/livellm/audio/transcribe", { api_key: configuredKey }),
  raw("a form cut short", "/livellm/audio/transcribe", `--x\r\n\r\n${configuredKey}`, {
    ...admin,
    "content-type": "multipart/form-data; boundary=x",
  }),
  post("a token that is none", run, ask, { ...json, authorization: `Bearer ${secrets.strangersToken}` }),
  post("a password that is no token", run, ask, { ...json, authorization: basic(secrets.strangersToken) }),
  post("a token in the query", `${run}?token=${secrets.administrator}&api_key=${secrets.strangersToken}`, ask, {
    "content-type": "application/json",
  }),
  { what: "a token in the path", path: `/livellm/${secrets.administrator}`, init: { headers: admin } },
];

function basic(token: string): string {
  return `Basic ${Buffer.from(`anyone:${token}`).toString("base64")}`;
}

function post(what: string, path: string, body: unknown, headers: Readonly<Record<string, string>> = json): Mistake {
  return raw(what, path, JSON.stringify(body), headers);
}

function raw(what: string, path: string, body: string, headers: Readonly<Record<string, string>>): Mistake {
  return { what, path, init: { method: "POST", headers, body } };
}

function form(what: string, path: string, fields: object, headers: Readonly<Record<string, string>> = admin): Mistake {
  const { "content-type": _, ...others } = headers;
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) body.append(name, String(value));
  body.append("file", new Blob([content.audio.repeat(20)], { type: "audio/wav" }), "a.wav");
  return { what, path, init: { method: "POST", headers: others, body } };
}
