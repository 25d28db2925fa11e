import { rmSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Gateway, startGateway, temporaryFolder } from "../support/gateway.ts";
import { type Collector, startCollector } from "../telemetry/collector.ts";
import { canariesIn, canariesInDatabase, canariesInTelemetry } from "./canaries.ts";
import { mistakes } from "./mistaken-calls.ts";
import { content, handshakeRefused, oldCalls, secrets, told } from "./old-surface-calls.ts";
import { type Behaviour, behaviours, startVendors, type Vendors } from "./old-surface-vendors.ts";

const folder = temporaryFolder();
/** Everything that a client was told. */
const heard: { readonly what: string; readonly text: string }[] = [];
let gateway: Gateway;
let vendors: Vendors;
let collector: Collector;

beforeAll(async () => {
  vendors = await startVendors();
  collector = await startCollector();
  const env = {
    LOG_LEVEL: "trace",
    LIVELLM_SURFACES: "livellm,v1,chat,apc",
    LIVELLM_ADMIN_TOKEN: secrets.administrator,
    LIVELLM_ALLOW_PRIVATE_ADDRESSES: "1",
    LIVELLM_ATTEMPT_TIMEOUT_MS: "2000",
    LIVELLM_APC_LIVE_MODELS: "google/m-1",
    SUPPORTED_PROVIDERS: "groq",
    GENERIC_SYSTEM_PROMPT: content.systemPrompt,
    GROQ_API_KEY: secrets.environmentKey,
    GROQ_BASE_URL: `${vendors.http.url}/v1`,
    GEMINI_API_KEY: secrets.liveKey,
    GEMINI_BASE_URL: vendors.live.url,
    REDIS_URL: `redis://:${secrets.redisPassword}@127.0.0.1:1`,
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.httpUrl,
    OTEL_BSP_SCHEDULE_DELAY: "50",
    OTEL_METRIC_EXPORT_INTERVAL: "200",
  };
  gateway = await startGateway({ folder, env });
});

afterAll(async () => {
  await gateway.stop();
  await vendors[Symbol.asyncDispose]();
  await collector[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const asAdministrator = { authorization: `Bearer ${secrets.administrator}`, "content-type": "application/json" };

async function keep(uid: string, base_url: string, provider = "openai_chat"): Promise<string> {
  const config = { uid, provider, api_key: secrets.configuredKey, base_url };
  const url = `${gateway.url}/livellm/providers/config`;
  return told(url, { method: "POST", headers: asAdministrator, body: JSON.stringify(config) });
}

test("providers are kept with their keys, changed and listed", async () => {
  const at = `${gateway.url}/livellm/providers`;
  heard.push({ what: "a config", text: await keep("kept", `${vendors.http.url}/v1`) });
  heard.push({ what: "a config, again", text: await keep("kept", `${vendors.http.url}/v1`) });
  heard.push({ what: "a config of a closed port", text: await keep("closed", "http://127.0.0.1:1/v1") });
  heard.push({ what: "a config of no live sessions", text: await keep("refusing", vendors.http.url, "elevenlabs") });
  const listed = await told(`${at}/configs`, { headers: asAdministrator });
  expect(heard.map(({ text }) => text.slice(0, 3))).toEqual(["201", "201", "201", "201"]);
  heard.push({ what: "the configs", text: listed });
  expect(listed).toContain('"api_key":"**********"');
});

describe.each(Object.keys(behaviours) as Behaviour[])("a vendor that %s", (behaviour) => {
  test("is told of as it behaves, and no secret with it", async () => {
    vendors.behave(behaviour);
    for (const { what, succeeds, make } of oldCalls(gateway.url, `${vendors.http.url}/v1`)) {
      const text = await make();
      heard.push({ what: `${behaviour}: ${what}`, text });
      if (behaviour === "answers well") expect(isSuccess(text), `${what}: ${text}`).toBe(succeeds);
    }
  });
});

/** For HTTP by the status, for sockets by what their clients look for. */
function isSuccess(text: string): boolean {
  if (/^\d{3} \[/.test(text)) return text.startsWith("200") && !text.includes('"error":"');
  return !text.includes('"status":"error"') && !text.includes('"type":"error"');
}

test("requests that are not right are refused, with no secret of theirs", async () => {
  vendors.behave("answers well");
  for (const { what, path: place, init } of mistakes) {
    const text = await told(`${gateway.url}${place}`, init);
    heard.push({ what: `wrong: ${what}`, text });
    expect(text, what).toMatch(/^4\d\d /);
    // FastAPI's list gives back what was sent; a sentence has no need to.
    if (!text.startsWith("422")) expect(text, what).not.toContain("canary");
  }
});

test.each(["/ping", "/livellm/ping", "/livellm/openapi.json", "/livellm/docs", "/", "/health", "/api", "/api/health"])(
  "%s says nothing that is secret",
  async (place) => {
    const text = await told(`${gateway.url}${place}`, {});
    heard.push({ what: place, text });
    expect(text).toMatch(/^200 /);
    expect(canariesIn(text, { ...secrets, ...content })).toEqual([]);
  },
);

describe("no canary", () => {
  test("was missing where it belongs", () => {
    const { configuredKey, liveKey, environmentKey, headerKey } = secrets;
    const toVendors = { configuredKey, liveKey, environmentKey, headerKey };
    const { answer, transcript, ...said } = content;
    const calls = vendors.http.calls.map(({ headers, body }) => [headers, body]);
    const sessions = vendors.live.sessions.map(({ url, headers, received }) => [url, headers, received]);
    const sent = JSON.stringify([calls, sessions]);
    expect(canariesIn(sent, { ...toVendors, ...said })).toEqual(Object.keys({ ...toVendors, ...said }));
    const answered = heard.map(({ text }) => text).join("\n");
    expect(canariesIn(answered, { answer, transcript })).toEqual(["answer", "transcript"]);
  });

  test("is in what a client was told, but for what was said", () => {
    const found = heard.flatMap(({ what, text }) =>
      canariesIn(text, secrets).map((name) => `${name}: ${what}: ${text.slice(0, 600)}`),
    );
    expect(found).toEqual([]);
  });

  test("of what callers say is in the error that a vendor's answer becomes", () => {
    const { answer, ...said } = content;
    const [, ...failing] = Object.keys(behaviours);
    const broken = heard.filter(
      ({ what }) => failing.some((one) => what.startsWith(one)) && !what.endsWith(handshakeRefused),
    );
    const found = broken.flatMap(({ what, text }) => canariesIn(text, said).map((name) => `${name}: ${what}: ${text}`));
    expect(broken.length).toBeGreaterThan(100);
    expect(found).toEqual([]);
  });

  test("is in the log", () => {
    expect(gateway.output()).toContain('"rpc"');
    expect(gateway.output()).toContain("Redis cannot be used");
    const found = gateway
      .output()
      .split("\n")
      .flatMap((line) => canariesIn(line, { ...secrets, ...content }).map((name) => `${name}: ${line}`));
    expect(found).toEqual([]);
  });

  test("is in spans and metrics", async () => {
    expect(await canariesInTelemetry(collector, gateway.url, { ...secrets, ...content })).toEqual([]);
  });

  test("is in the database", () => {
    expect(canariesInDatabase(folder, { ...secrets, ...content })).toEqual([]);
  });
});
