import { randomBytes } from "node:crypto";
import { create, fromJson, type MessageInitShape, toJson } from "@bufbuild/protobuf";
import {
  type Client,
  Code,
  ConnectError,
  createClient,
  createRouterTransport,
  type Interceptor,
} from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { ErrorDetailSchema } from "../../gen/livellm/v1/error_pb.ts";
import {
  CreateProviderResponseSchema,
  ListProvidersResponseSchema,
  type Provider,
  ProviderHealth_Status,
  ProviderSchema,
  ProvidersService,
  UpdateProviderRequestSchema,
} from "../../gen/livellm/v1/providers_service_pb.ts";
import { Route_Strategy } from "../../gen/livellm/v1/route_pb.ts";
import { LivellmError } from "../../src/core/error.ts";
import type { Capabilities, ProviderConfig, ProviderKind } from "../../src/core/provider.ts";
import { Secret } from "../../src/core/secret.ts";
import { createSettingsCheck } from "../../src/providers/settings.ts";
import { createProviderRegistry, type ProviderRegistry } from "../../src/routing/provider-registry.ts";
import { createProvidersService } from "../../src/services/providers.ts";
import { openStore } from "../../src/store/open-store.ts";
import type { ProviderStore } from "../../src/store/provider-store.ts";
import { createSealer } from "../../src/store/sealing.ts";
import { bareDraft, canary } from "../store/provider-drafts.ts";

const kinds = new Map<string, ProviderKind>(
  [
    kind("openai", { apiKeyRequired: true, defaultBaseUrl: "https://api.openai.com/v1" }),
    kind("openai-compatible", { baseUrlRequired: true }),
    kind("local", {}),
  ].map((entry) => [entry.kind, entry]),
);

function kind(name: string, facts: Partial<ProviderKind>): ProviderKind {
  return {
    kind: name,
    displayName: name.toUpperCase(),
    rpcs: ["AgentService/Run"],
    apiKeyRequired: false,
    baseUrlRequired: false,
    defaultBaseUrl: "",
    ...(name === "openai" && {
      settingsSchema: {
        type: "object",
        properties: { api: { enum: ["responses", "chat"] } },
        additionalProperties: false,
      },
    }),
    create: () => ({}),
    ...facts,
  };
}

const fromEnvironment: ProviderConfig = {
  ...bareDraft("openai"),
  kind: "openai",
  apiKey: new Secret("sk-from-environment"),
  readOnly: true,
  createTime: new Date(0),
  updateTime: new Date(0),
  revision: "environment",
};

type ProviderInit = MessageInitShape<typeof ProviderSchema>;

const minimal = { id: "a", kind: "openai", apiKey: canary } satisfies ProviderInit;

const full = {
  id: "full",
  kind: "openai",
  displayName: "Full",
  apiKey: canary,
  baseUrl: "https://proxy.example.com/v1",
  headers: { "X-Title": `${canary}-header`, "x-empty": "" },
  allowedModels: ["gpt-*"],
  blockedModels: ["*-preview"],
  defaultOptions: { reasoning: { effort: "low" }, list: [1, null] },
  labels: { team: "voice" },
  disabled: true,
  defaultModel: "gpt-6",
  fallbackModel: "gpt-6-mini",
  models: [
    {
      model: "gpt-*",
      fallbacks: [
        { provider: "other", model: "m", options: { a: 1 }, attemptTimeout: { seconds: 1n, nanos: 500_000_000 } },
      ],
      strategy: Route_Strategy.PARALLEL,
    },
  ],
  settings: { api: "chat" },
} satisfies ProviderInit;

/** Stands in for the server's own interceptor, so that codes and violations come through a real transport. */
const asConnectErrors: Interceptor = (next) => async (request) => {
  try {
    return await next(request);
  } catch (error) {
    if (!(error instanceof LivellmError)) throw error;
    const code = codes[error.code] ?? Code.Unknown;
    const fieldViolations = [...(error.facts.violations ?? [])];
    throw new ConnectError(error.message, code, undefined, [{ desc: ErrorDetailSchema, value: { fieldViolations } }]);
  }
};

const codes: Readonly<Record<string, Code>> = {
  invalid_argument: Code.InvalidArgument,
  not_found: Code.NotFound,
  already_exists: Code.AlreadyExists,
  aborted: Code.Aborted,
  failed_precondition: Code.FailedPrecondition,
  unimplemented: Code.Unimplemented,
  unavailable: Code.Unavailable,
};

let store: ProviderStore;
let registry: ProviderRegistry;
let client: Client<typeof ProvidersService>;
let capabilities: Capabilities = {};
const dispose = vi.fn();
const connect = vi.fn((_: ProviderConfig) => ({ capabilities, [Symbol.dispose]: dispose }));

beforeEach(async () => {
  vi.clearAllMocks();
  capabilities = {};
  store = await openStore("sqlite::memory:", createSealer(randomBytes(32)));
  registry = await createProviderRegistry({ store, configured: [fromEnvironment], kinds, warn: () => undefined });
  const service = createProvidersService({ registry, connect, checkSettings: createSettingsCheck(kinds) });
  const transport = createRouterTransport(({ service: add }) => add(ProvidersService, service), {
    router: { interceptors: [asConnectErrors] },
  });
  client = createClient(ProvidersService, transport);
});
afterEach(async () => {
  registry.close();
  await store.close();
});

async function failureOf(promise: Promise<unknown>): Promise<ConnectError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof ConnectError)) throw new Error("it did not fail as an RPC does");
  expect(error.message).not.toContain(canary);
  expect(JSON.stringify(error.details)).not.toContain(canary);
  return error;
}

/** The violations, as `REASON field`. */
async function violationsOf(promise: Promise<unknown>): Promise<string[]> {
  const error = await failureOf(promise);
  expect(error.code).toBe(Code.InvalidArgument);
  const violations = error.findDetails(ErrorDetailSchema).flatMap(({ fieldViolations }) => fieldViolations);
  for (const { description } of violations) expect(description).not.toContain(canary);
  return violations.map(({ reason, field }) => `${reason} ${field}`);
}

async function add(provider: ProviderInit): Promise<Provider> {
  return given((await client.createProvider({ provider })).provider);
}

async function get(id: string): Promise<Provider> {
  return given((await client.getProvider({ id })).provider);
}

async function update(provider: ProviderInit, paths?: readonly string[]): Promise<Provider> {
  const updateMask = paths && { paths: [...paths] };
  return given((await client.updateProvider({ provider, ...(updateMask && { updateMask }) })).provider);
}

function given(provider: Provider | undefined): Provider {
  if (!provider) throw new Error("the answer has no provider");
  return provider;
}

const keyOf = (id: string) => registry.get(id)?.apiKey?.reveal();
const headersOf = (id: string) =>
  Object.fromEntries(Object.entries(registry.get(id)?.headers ?? {}).map(([name, value]) => [name, value.reveal()]));

describe("CreateProvider", () => {
  it("gives back every field, but for secrets, of which it says what they look like", async () => {
    const provider = await add(full);
    const { apiKey: _key, headers: _headers, ...open } = full;
    const added = ["obfuscatedApiKey", "headerNames", "createTime", "updateTime", "etag"] as const;
    expect(unchanged(provider, ...added)).toEqual(unchanged(create(ProviderSchema, open), ...added));
    expect(provider).toMatchObject({
      apiKey: "",
      headers: {},
      obfuscatedApiKey: "sk-…d5e8",
      headerNames: ["X-Title", "x-empty"],
      readOnly: false,
    });
    expect(provider.etag).not.toBe("");
    expect(Number(provider.createTime?.seconds)).toBeGreaterThan(1_700_000_000);
    expect(provider.updateTime).toEqual(provider.createTime);
  });

  it("is seen by the very next call, and keeps the secrets for itself", async () => {
    const created = await add(full);
    expect(await get("full")).toEqual(created);
    expect(keyOf("full")).toBe(canary);
    expect(headersOf("full")).toEqual(full.headers);
    const answer = toJson(CreateProviderResponseSchema, create(CreateProviderResponseSchema, { provider: created }));
    expect(JSON.stringify(answer)).not.toContain(canary);
  });

  it("takes no output only field from the caller", async () => {
    const wishes = { readOnly: true, etag: "mine", obfuscatedApiKey: "mine", headerNames: ["mine"] };
    const provider = await add({ ...minimal, ...wishes });
    expect(provider).toMatchObject({ readOnly: false, obfuscatedApiKey: "sk-…d5e8", headerNames: [] });
    expect(provider.etag).not.toBe("mine");
  });

  it("refuses an id that is taken", async () => {
    await add(minimal);
    expect((await failureOf(add({ ...minimal, displayName: "x" }))).code).toBe(Code.AlreadyExists);
    expect((await get("a")).displayName).toBe("");
  });

  it("hides a provider from the environment, until it is deleted", async () => {
    await add({ ...minimal, id: "openai" });
    expect(await get("openai")).toMatchObject({ readOnly: false, obfuscatedApiKey: "sk-…d5e8" });
    await client.deleteProvider({ id: "openai" });
    expect(await get("openai")).toMatchObject({ readOnly: true, obfuscatedApiKey: "sk-…ment" });
  });

  it("tells all that is wrong at once, and keeps nothing", async () => {
    const wrong: ProviderInit = {
      id: "a",
      kind: "openai",
      baseUrl: "ftp://x",
      headers: { Host: "x", "x-good": "y", "x-bad": "a\r\nb" },
      settings: { api: "x", other: 1 },
      models: [{ model: "m", fallbacks: [{ model: "n" }, { inlineProvider: { kind: "openai", apiKey: canary } }] }],
    };
    expect((await violationsOf(add(wrong))).sort()).toEqual([
      "PATTERN provider.baseUrl",
      'PATTERN provider.headers["x-bad"]',
      "REQUIRED provider.apiKey",
      "UNKNOWN provider.settings.api",
      "UNKNOWN provider.settings.other",
      'UNSUPPORTED provider.headers["Host"]',
      "UNSUPPORTED provider.models[0].fallbacks[1].inlineProvider",
    ]);
    expect((await failureOf(client.getProvider({ id: "a" }))).code).toBe(Code.NotFound);
  });

  it("names the kinds there are when it gets another", async () => {
    const error = await failureOf(add({ id: "a", kind: "opnai" }));
    expect(error.message).toContain('there is no kind "opnai"; the kinds are local, openai, openai-compatible');
  });

  it("wants a base URL for a kind that needs one", async () => {
    const provider = { id: "a", kind: "openai-compatible" };
    expect(await violationsOf(add(provider))).toEqual(["REQUIRED provider.baseUrl"]);
    await add({ ...provider, baseUrl: "http://localhost:1234/v1" });
  });

  it.each([
    `https://user:${canary}@example.com`,
    `https://${canary}@example.com`,
    `https://example.com/v1?key=${canary}`,
    "https://example.com/v1?",
    "https://example.com/v1#part",
    "https://exam ple.com",
    "https://example.com/v1\n",
    "file:///etc/passwd",
    "example.com",
  ])("refuses the base URL %j", async (baseUrl) => {
    expect(await violationsOf(add({ ...minimal, baseUrl }))).toEqual(["PATTERN provider.baseUrl"]);
  });

  it.each([`${canary}\n`, ` ${canary}`, `${canary}\u00e9`])("refuses the API key %j", async (apiKey) => {
    expect(await violationsOf(add({ ...minimal, apiKey }))).toEqual(["PATTERN provider.apiKey"]);
  });

  it.each([
    [{ [`Authorization: ${canary}`]: "" }, "PATTERN provider.headers"],
    [{ "": "x" }, "PATTERN provider.headers"],
    [{ "Transfer-Encoding": "x" }, 'UNSUPPORTED provider.headers["Transfer-Encoding"]'],
    [{ "content-length": "1" }, 'UNSUPPORTED provider.headers["content-length"]'],
    [{ connection: "x" }, 'UNSUPPORTED provider.headers["connection"]'],
    [{ "x-a": "a\nb" }, 'PATTERN provider.headers["x-a"]'],
    [{ "x-a": "a\0b" }, 'PATTERN provider.headers["x-a"]'],
    [{ "x-a": "日" }, 'PATTERN provider.headers["x-a"]'],
    [{ "x-a": "1", "X-A": "2" }, 'CONFLICT provider.headers["X-A"]'],
  ])("refuses the headers %j", async (headers: Record<string, string>, violation) => {
    expect(await violationsOf(add({ ...minimal, headers }))).toEqual([violation]);
  });
});

describe("CreateProvider with validate_only", () => {
  const validate = (provider: ProviderInit) => client.createProvider({ provider, validateOnly: true });

  it("asks the provider for its models, and does not keep it", async () => {
    const list = vi.fn(async () => []);
    capabilities = { models: { list } };
    const { provider } = await validate(full);
    expect(provider).toMatchObject({ id: "full", obfuscatedApiKey: "sk-…d5e8", etag: "", apiKey: "" });
    expect(provider?.createTime).toBeUndefined();
    expect(list).toHaveBeenCalledWith(expect.any(AbortSignal));
    expect(connect.mock.calls[0]?.[0].apiKey?.reveal()).toBe(canary);
    expect(dispose).toHaveBeenCalledTimes(1);
    expect(registry.get("full")).toBeUndefined();
    expect(await store.list()).toEqual([]);
  });

  it("passes on what the provider said, and lets go of it", async () => {
    const failure = new LivellmError("failed_precondition", "provider_auth", "a refused the API key");
    capabilities = { models: { list: () => Promise.reject(failure) } };
    const error = await failureOf(validate(minimal));
    expect(error).toMatchObject({ code: Code.FailedPrecondition, rawMessage: "a refused the API key" });
    expect(dispose).toHaveBeenCalledTimes(1);
  });

  it("stops asking when the caller leaves", async () => {
    const seen = Promise.withResolvers<AbortSignal>();
    capabilities = {
      models: {
        list: (signal) => {
          seen.resolve(signal);
          return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
        },
      },
    };
    const controller = new AbortController();
    const call = client.createProvider({ provider: minimal, validateOnly: true }, { signal: controller.signal });
    const signal = await seen.promise;
    controller.abort();
    await expect(call).rejects.toMatchObject({ code: Code.Canceled });
    await vi.waitFor(() => expect(signal.aborted).toBe(true));
    await vi.waitFor(() => expect(dispose).toHaveBeenCalledTimes(1));
  });

  it("does not wait for ever for a provider that says nothing", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    const asked = Promise.withResolvers<void>();
    capabilities = {
      models: {
        list: (signal) => {
          asked.resolve();
          return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
        },
      },
    };
    const failed = failureOf(validate(minimal));
    await asked.promise;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await failed).toMatchObject({ code: Code.Unavailable, rawMessage: expect.stringContaining("within 10 s") });
    expect(dispose).toHaveBeenCalledTimes(1);
  });

  it("only checks where the kind cannot list models", async () => {
    expect((await validate({ id: "l", kind: "local" })).provider).toMatchObject({ id: "l" });
  });

  it("refuses what could not be created, without asking", async () => {
    expect(await violationsOf(validate({ id: "a", kind: "openai" }))).toEqual(["REQUIRED provider.apiKey"]);
    await add(minimal);
    expect((await failureOf(validate(minimal))).code).toBe(Code.AlreadyExists);
    expect(connect).not.toHaveBeenCalled();
    await validate({ ...minimal, id: "openai" }); // would hide the one from the environment
  });
});

describe("GetProvider", () => {
  it("names the ids there are, the first twenty", async () => {
    expect((await failureOf(client.getProvider({ id: "x" }))).rawMessage).toBe(
      'there is no provider "x"; there are: openai',
    );
    for (let i = 10; i < 32; i++) await add({ id: `l${i}`, kind: "local" });
    const { code, rawMessage } = await failureOf(client.getProvider({ id: "x" }));
    expect(code).toBe(Code.NotFound);
    expect(rawMessage).toContain("there are: l10, l11,");
    expect(rawMessage).toMatch(/ l29 and 3 more$/);
  });
});

describe("ListProviders", () => {
  const ids = async (request: MessageInitShape<typeof ProvidersService.method.listProviders.input>) => {
    const response = await client.listProviders(request);
    return { ids: response.providers.map(({ id }) => id), token: response.nextPageToken };
  };

  it("gives all by id, without secrets, and no token on the last page", async () => {
    await add(full);
    await add(minimal);
    const response = await client.listProviders({});
    expect(response.providers.map(({ id }) => id)).toEqual(["a", "full", "openai"]);
    expect(response.nextPageToken).toBe("");
    const json = JSON.stringify(toJson(ListProvidersResponseSchema, response));
    expect(json).not.toContain(canary);
    expect(json).not.toContain("sk-from-environment");
    expect(await ids({ pageSize: 3 })).toMatchObject({ token: "" });
  });

  it("goes on behind the last one when others come and go in between", async () => {
    for (const id of ["b", "d", "f", "h"]) await add({ id, kind: "local" });
    const first = await ids({ pageSize: 2 });
    expect(first.ids).toEqual(["b", "d"]);
    await client.deleteProvider({ id: "d" });
    await client.deleteProvider({ id: "f" });
    for (const id of ["a", "e"]) await add({ id, kind: "local" });
    const second = await ids({ pageSize: 2, pageToken: first.token });
    expect(second.ids).toEqual(["e", "h"]);
    expect(await ids({ pageSize: 2, pageToken: second.token })).toEqual({ ids: ["openai"], token: "" });
  });

  it("gives those of one kind", async () => {
    await add({ id: "l", kind: "local" });
    expect((await ids({ kind: "local" })).ids).toEqual(["l"]);
    expect((await ids({ kind: "openai", pageSize: 1 })).token).toBe("");
    expect((await ids({ kind: "groq" })).ids).toEqual([]);
  });

  it("reads 0 as 50, and more than 500 as 500", async () => {
    for (let i = 0; i < 501; i++) await store.create(bareDraft(`l${1000 + i}`));
    await vi.waitFor(() => expect(registry.ids()).toHaveLength(502));
    const [fifty, most] = [await ids({}), await ids({ pageSize: 100_000 })];
    expect(fifty.ids).toHaveLength(50);
    expect(most.ids).toHaveLength(500);
    expect((await ids({ pageSize: 50, pageToken: fifty.token })).ids).toHaveLength(50);
    expect((await ids({ pageSize: 500, pageToken: most.token })).ids).toEqual(["l1500", "openai"]);
  });

  it("refuses a token made with other fields, or by nobody", async () => {
    for (const id of ["b", "d", "f"]) await add({ id, kind: "local" });
    const { token } = await ids({ pageSize: 1, kind: "local" });
    expect(token).not.toBe("");
    const bad = [{ pageSize: 1 }, { pageSize: 1, kind: "openai" }, { pageSize: 2, kind: "local" }];
    for (const fields of bad)
      expect(await violationsOf(ids({ ...fields, pageToken: token }))).toEqual(["CONFLICT pageToken"]);
    for (const pageToken of ["x", "1", "W10", "bnVsbA", token.slice(3)]) {
      expect(await violationsOf(ids({ pageSize: 1, kind: "local", pageToken }))).toEqual(["PATTERN pageToken"]);
    }
    expect((await ids({ pageSize: 1, kind: "local", pageToken: token })).ids).toEqual(["d"]);
  });
});

describe("UpdateProvider", () => {
  beforeEach(async () => {
    await add(full);
  });

  it("without a mask changes what is set, and nothing else", async () => {
    const before = await get("full");
    const after = await update({ id: "full", displayName: "New", labels: { a: "b" } });
    expect(after).toMatchObject({ displayName: "New", labels: { a: "b" } });
    expect(unchanged(after, "displayName", "labels")).toEqual(unchanged(before, "displayName", "labels"));
    expect(after.etag).not.toBe(before.etag);
    expect(await get("full")).toEqual(after);
    expect([keyOf("full"), headersOf("full")]).toEqual([canary, full.headers]);
  });

  it("takes an empty mask for none", async () => {
    expect(await update({ id: "full", displayName: "New" }, [])).toMatchObject({ displayName: "New", disabled: true });
  });

  it("without a mask clears a struct that is there and empty", async () => {
    expect((await update({ id: "full", settings: {} })).settings).toBeUndefined();
  });

  it("with a mask changes what it names, to nothing where nothing is given", async () => {
    const before = await get("full");
    const after = await update({ id: "full", displayName: "kept out", baseUrl: "" }, [
      "disabled",
      "models",
      "base_url",
    ]);
    expect(after).toMatchObject({ disabled: false, models: [], baseUrl: "", displayName: "Full" });
    expect(unchanged(after, "disabled", "models", "baseUrl")).toEqual(
      unchanged(before, "disabled", "models", "baseUrl"),
    );
  });

  it("reads the mask of a JSON request", async () => {
    const json = { provider: { id: "full", displayName: "New" }, updateMask: "displayName,defaultModel" };
    const { provider } = await client.updateProvider(fromJson(UpdateProviderRequestSchema, json));
    expect(provider).toMatchObject({ displayName: "New", defaultModel: "", fallbackModel: "gpt-6-mini" });
  });

  it("with * changes all, but keeps secrets that are not set: what was read can be written back", async () => {
    const read = await get("full");
    const after = await update(read, ["*"]);
    expect(unchanged(after)).toEqual(unchanged(read));
    expect([keyOf("full"), headersOf("full")]).toEqual([canary, full.headers]);
    const cleared = await update({ id: "full", kind: "openai" }, ["*"]);
    expect(cleared).toMatchObject({
      displayName: "",
      disabled: false,
      models: [],
      headerNames: ["X-Title", "x-empty"],
    });
    expect(cleared.settings).toBeUndefined();
    await update({ id: "full", apiKey: "sk-another-key-0000", headers: { "x-b": "2" } }, ["*"]);
    expect([keyOf("full"), headersOf("full")]).toEqual(["sk-another-key-0000", { "x-b": "2" }]);
  });

  it("clears a secret that the mask names", async () => {
    await add({ ...minimal, id: "l", kind: "local", headers: { "x-a": "1" } });
    expect(await update({ id: "l" }, ["api_key"])).toMatchObject({ obfuscatedApiKey: "", headerNames: ["x-a"] });
    expect(await update({ id: "l", apiKey: canary }, ["*", "headers"])).toMatchObject({ headerNames: [] });
    expect(keyOf("l")).toBe(canary);
  });

  it("does not clear a key that the kind needs", async () => {
    expect(await violationsOf(update({ id: "full" }, ["api_key"]))).toEqual(["REQUIRED provider.apiKey"]);
    expect(keyOf("full")).toBe(canary);
  });

  it("changes one entry of a map or struct", async () => {
    const after = await update(
      {
        id: "full",
        labels: { "a.b": "1", kept: "out" },
        headers: { "X-Title": "new" },
        defaultOptions: { reasoning: { summary: "auto" } },
      },
      ["labels.a.b", "labels.team", "headers.X-Title", "default_options.reasoning.summary", "settings.api"],
    );
    expect(after.labels).toEqual({ "a.b": "1" });
    expect(after.defaultOptions).toEqual({ reasoning: { effort: "low", summary: "auto" }, list: [1, null] });
    expect(after.settings).toBeUndefined();
    expect(headersOf("full")).toEqual({ "X-Title": "new", "x-empty": "" });
  });

  it("knows every field of the contract, by what may be done to it", async () => {
    const outcomes = await Promise.all(
      ProviderSchema.fields.map(async ({ name }) => {
        const outcome = await client
          .updateProvider({ provider: { ...full, allowedModels: [name] }, updateMask: { paths: [name] } })
          .then(() => "taken")
          .catch(
            (error: unknown) => ConnectError.from(error).findDetails(ErrorDetailSchema)[0]?.fieldViolations[0]?.reason,
          );
        return [name, outcome];
      }),
    );
    expect(outcomes.filter(([, outcome]) => outcome !== "taken")).toEqual([
      ["id", "IMMUTABLE"],
      ["kind", "IMMUTABLE"],
    ]);
  });

  it("says how a field is named in a mask that names it as in JSON", async () => {
    const wrong = await update({ id: "full", displayName: "x" }, ["displayName"]).catch((error: unknown) => error);
    expect(String(wrong)).toContain('"displayName" is its name in JSON; in a binary mask it is "display_name"');
  });

  it("ignores output only fields, named or set", async () => {
    const before = await get("full");
    const wishes = { readOnly: true, obfuscatedApiKey: "x", headerNames: ["x"], createTime: { seconds: 1n } };
    const after = await update({ id: "full", ...wishes }, ["read_only", "obfuscated_api_key", "create_time", "etag"]);
    expect(unchanged(after)).toEqual(unchanged(before));
    expect(unchanged(await update({ id: "full", ...wishes }))).toEqual(unchanged(before));
  });

  it.each([
    [["nope"], "UNKNOWN updateMask"],
    [["displayName"], "UNKNOWN updateMask"],
    [["display_name.x"], "UNKNOWN updateMask"],
    [["labels."], "UNKNOWN updateMask"],
    [["settings..api"], "UNKNOWN updateMask"],
    [[""], "UNKNOWN updateMask"],
    [["labels.nowhere"], "UNKNOWN updateMask"],
    [["default_options.reasoning.nowhere"], "UNKNOWN updateMask"],
    [["kind"], "IMMUTABLE updateMask"],
    [["id.x"], "IMMUTABLE updateMask"],
  ])("refuses the mask %j, and changes nothing", async (paths, violation) => {
    const before = await get("full");
    expect(await violationsOf(update({ id: "full", displayName: "x" }, ["display_name", ...paths]))).toEqual([
      violation,
    ]);
    expect(await get("full")).toEqual(before);
  });

  it("refuses another kind, unless the mask leaves it out", async () => {
    expect(await violationsOf(update({ id: "full", kind: "local" }))).toEqual(["IMMUTABLE provider.kind"]);
    expect(await violationsOf(update({ id: "full", kind: "local" }, ["*"]))).toEqual(["IMMUTABLE provider.kind"]);
    expect(await update({ id: "full", kind: "local", displayName: "x" }, ["display_name"])).toMatchObject({
      kind: "openai",
    });
  });

  it("checks the provider as it would become, all at once with the mask", async () => {
    const wrong = { id: "full", baseUrl: "x", settings: { api: "x" } };
    expect((await violationsOf(update(wrong, ["base_url", "settings", "nope"]))).sort()).toEqual([
      "PATTERN provider.baseUrl",
      "UNKNOWN provider.settings.api",
      "UNKNOWN updateMask",
    ]);
  });

  it("wants the etag to match when there is one", async () => {
    const { etag } = await get("full");
    const after = await update({ id: "full", displayName: "first", etag });
    const error = await failureOf(update({ id: "full", displayName: "second", etag }));
    expect(error.code).toBe(Code.Aborted);
    expect(await get("full")).toEqual(after);
  });

  it("lets one of two callers with the same etag win", async () => {
    const { etag } = await get("full");
    const results = await Promise.allSettled(
      ["x", "y"].map((displayName) => update({ id: "full", displayName, etag })),
    );
    expect(results.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    const [lost] = results.flatMap((result) =>
      result.status === "rejected" ? [ConnectError.from(result.reason)] : [],
    );
    expect(lost?.code).toBe(Code.Aborted);
  });

  it("puts changes without etag on top of each other, whoever made them", async () => {
    const other = store.update(
      { ...bareDraft("full"), kind: "openai", apiKey: new Secret(canary) },
      registry.get("full")?.revision ?? "",
    );
    const updates = [{ displayName: "x" }, { defaultModel: "y" }, { baseUrl: "https://z.example.com" }];
    await Promise.all([other, ...updates.map((change) => update({ id: "full", ...change }))]);
    expect(await get("full")).toMatchObject({ ...Object.assign({}, ...updates), fallbackModel: "" });
  });

  it("refuses a provider from the environment, and says what can be done", async () => {
    const error = await failureOf(update({ id: "openai", displayName: "x" }));
    expect(error.code).toBe(Code.FailedPrecondition);
    expect(error.message).toMatch(/comes from the server's environment.*creating a provider with the same id hides it/);
  });

  it("adds a missing one when asked to, with all of its fields, whatever the mask", async () => {
    const provider = { ...minimal, displayName: "x" };
    expect((await failureOf(update(provider))).code).toBe(Code.NotFound);
    const request = { provider, updateMask: { paths: ["default_model"] }, allowMissing: true };
    const { provider: added } = await client.updateProvider(request);
    expect(added).toMatchObject({ id: "a", displayName: "x", obfuscatedApiKey: "sk-…d5e8" });
    const { provider: changed } = await client.updateProvider({
      provider: { ...provider, displayName: "y" },
      allowMissing: true,
    });
    expect(changed).toMatchObject({ displayName: "y", createTime: added?.createTime });
  });

  it("adds no missing one that is wrong, or that the caller has seen before", async () => {
    const upsert = (provider: ProviderInit, paths: string[] = []) =>
      client.updateProvider({ provider, updateMask: { paths }, allowMissing: true });
    expect(await violationsOf(upsert({ id: "a" }, ["nope"]))).toEqual(["UNKNOWN updateMask", "REQUIRED provider.kind"]);
    expect((await failureOf(upsert({ ...minimal, etag: "of-one-that-was-deleted" }))).code).toBe(Code.Aborted);
    expect(registry.get("a")).toBeUndefined();
  });

  it("adds a missing one once when two callers ask at once", async () => {
    const upsert = (change: ProviderInit) =>
      client.updateProvider({ provider: { ...minimal, ...change }, allowMissing: true });
    await Promise.all([upsert({ displayName: "x" }), upsert({ defaultModel: "y" })]);
    expect(await get("a")).toMatchObject({ displayName: "x", defaultModel: "y" });
  });
});

describe("a change that another server made, and this one has missed", () => {
  /** Makes the registry read the store in vain after the next change. */
  const missNext = () => vi.spyOn(store, "list").mockRejectedValueOnce(new Error("not now"));

  it("turns adding a missing provider into changing it", async () => {
    missNext();
    await store.create({ ...bareDraft("a"), kind: "openai", apiKey: new Secret(canary), defaultModel: "theirs" });
    expect(registry.get("a")).toBeUndefined();
    const provider = { id: "a", kind: "openai", displayName: "ours", apiKey: canary };
    const response = await client.updateProvider({ provider, allowMissing: true });
    expect(response.provider).toMatchObject({ displayName: "ours", defaultModel: "theirs" });
  });

  it("turns changing a provider into adding it", async () => {
    const { etag } = await add({ ...minimal, defaultModel: "theirs" });
    missNext();
    await store.delete("a", etag);
    expect(registry.get("a")).toBeDefined();
    const provider = { ...minimal, displayName: "ours" };
    const response = await client.updateProvider({ provider, allowMissing: true });
    expect(response.provider).toMatchObject({ displayName: "ours", defaultModel: "" });
  });

  it("leaves nothing to delete", async () => {
    const { etag } = await add(minimal);
    missNext();
    await store.delete("a", etag);
    await client.deleteProvider({ id: "a", allowMissing: true });
    expect(registry.get("a")).toBeUndefined();
  });
});

describe("DeleteProvider", () => {
  it("deletes, so that the very next call does not find it", async () => {
    await add(minimal);
    await client.deleteProvider({ id: "a" });
    expect((await failureOf(client.getProvider({ id: "a" }))).code).toBe(Code.NotFound);
    expect(await store.list()).toEqual([]);
  });

  it("wants the etag to match when there is one", async () => {
    const { etag } = await add(minimal);
    const changed = await update({ id: "a", displayName: "x" });
    expect((await failureOf(client.deleteProvider({ id: "a", etag }))).code).toBe(Code.Aborted);
    await client.deleteProvider({ id: "a", etag: changed.etag });
    expect(registry.get("a")).toBeUndefined();
  });

  it("does not find what is not there, unless it need not be", async () => {
    const error = await failureOf(client.deleteProvider({ id: "a" }));
    expect(error).toMatchObject({ code: Code.NotFound, rawMessage: 'there is no provider "a"; there are: openai' });
    await client.deleteProvider({ id: "a", allowMissing: true });
  });

  it("refuses a provider from the environment", async () => {
    for (const allowMissing of [false, true]) {
      const error = await failureOf(client.deleteProvider({ id: "openai", allowMissing }));
      expect(error.code).toBe(Code.FailedPrecondition);
    }
    expect(await get("openai")).toMatchObject({ readOnly: true });
  });
});

describe("ListProviderKinds", () => {
  it("gives every kind with the schema of its settings", async () => {
    const response = await client.listProviderKinds({});
    expect(response.kinds.map((entry) => entry.kind)).toEqual(["local", "openai", "openai-compatible"]);
    expect(response.kinds[1]).toMatchObject({
      displayName: "OPENAI",
      rpcs: ["AgentService/Run"],
      apiKeyRequired: true,
      baseUrlRequired: false,
      defaultBaseUrl: "https://api.openai.com/v1",
      settingsSchema: kinds.get("openai")?.settingsSchema,
    });
    expect(response.kinds[2]).toMatchObject({ baseUrlRequired: true, apiKeyRequired: false });
    expect(response.kinds[0]?.settingsSchema).toBeUndefined();
  });
});

describe("CheckHealth", () => {
  it("knows nothing of a provider that was not used", async () => {
    const { providers } = await client.checkHealth({});
    expect(providers).toMatchObject([{ provider: "openai", status: ProviderHealth_Status.UNKNOWN }]);
  });
});

/** What an update of other fields leaves alone. */
function unchanged(provider: Provider, ...names: readonly (keyof Provider)[]): unknown {
  const { etag: _etag, updateTime: _time, ...rest } = provider;
  return Object.fromEntries(Object.entries(rest).filter(([name]) => !names.some((other) => other === name)));
}
