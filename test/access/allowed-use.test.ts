import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { startChatVendor } from "../support/chat-vendor.ts";
import { echoRequest, requestTo } from "../support/echo-request.ts";
import { type AccessGateway, adminToken, detailOf, startAccessGateway } from "./access-gateway.ts";

let gateway: AccessGateway;
beforeAll(async () => {
  gateway = await startAccessGateway();
  await admin("ProvidersService/CreateProvider", { provider: { id: "second", kind: "local", defaultModel: "echo" } });
  await admin("RoutesService/CreateRoute", {
    route: { name: "both", route: { targets: [{ provider: "local", model: "echo" }, { provider: "second" }] } },
  });
  await admin("RoutesService/CreateRoute", { route: { name: "alone", route: { targets: [{ model: "echo" }] } } });
});
afterAll(() => gateway[Symbol.asyncDispose]());

async function admin(rpc: string, request: object): Promise<void> {
  const { status, body } = await gateway.call(rpc, request);
  if (status !== 200) throw new Error(JSON.stringify(body));
}

/** Who answers a run with a token that may use so much. */
async function answering(allowed: object, route: object): Promise<unknown> {
  const { secret } = await gateway.createToken(allowed);
  const answer = await gateway.call("AgentService/Run", { route, messages: [{ text: "hi" }] }, secret);
  if (answer.status !== 200) return [answer.body.code, detailOf(answer).reason, answer.body.message];
  return (answer.body.routeResult as { readonly provider: string }).provider;
}

const denied = (message: string) => ["permission_denied", "REASON_PERMISSION_DENIED", message];
const onLocal = { targets: [{ provider: "local", model: "echo" }] };
const onSecond = { targets: [{ provider: "second", model: "echo" }] };

describe("a token may use", () => {
  test.each<[what: string, allowed: object, route: object, answer: unknown]>([
    ["all without lists", {}, onLocal, "local"],
    ["a provider it names", { allowedProviders: ["second"] }, onSecond, "second"],
    [
      "no other provider",
      { allowedProviders: ["second"] },
      onLocal,
      denied("route.targets[0]: the token may not use local/echo, if it exists; ListModels tells what it may use"),
    ],
    [
      "no other provider in the second place either",
      { allowedProviders: ["second"] },
      { targets: [...onSecond.targets, ...onLocal.targets] },
      denied("route.targets[1]: the token may not use local/echo, if it exists; ListModels tells what it may use"),
    ],
    ["a model by its pattern", { allowedModels: ["ec*"] }, onLocal, "local"],
    ["a model of one provider", { allowedModels: ["second/*"] }, onSecond, "second"],
    [
      "not that of another",
      { allowedModels: ["second/*"] },
      onLocal,
      denied("route.targets[0]: the token may not use local/echo, if it exists; ListModels tells what it may use"),
    ],
    [
      "no other model",
      { allowedModels: ["gpt*"] },
      onLocal,
      denied("route.targets[0]: the token may not use local/echo, if it exists; ListModels tells what it may use"),
    ],
    ["a default model that it names", { allowedModels: ["echo"] }, { targets: [{ provider: "second" }] }, "second"],
    [
      "not a default model that it does not name",
      { allowedModels: ["gpt*"] },
      { targets: [{ provider: "second" }] },
      denied("route.targets[0]: the token may not use second, if it exists; ListModels tells what it may use"),
    ],
    ["a model alone, where it may", { allowedProviders: ["second"] }, { targets: [{ model: "echo" }] }, "second"],
    [
      "a model alone in a race, where it may",
      { allowedProviders: ["second"] },
      { targets: [{ model: "echo" }], strategy: "STRATEGY_PARALLEL" },
      "second",
    ],
    [
      "not a model alone that only others have",
      { allowedProviders: ["third"] },
      { targets: [{ model: "echo" }] },
      denied("route.targets[0]: the token may not use echo, if it exists; ListModels tells what it may use"),
    ],
    ["a route, as far as its targets are allowed", { allowedProviders: ["second"] }, { name: "both" }, "second"],
    [
      "not a route of whose targets none is allowed",
      { allowedProviders: ["third"] },
      { name: "both" },
      denied('route.name: the token may not use the route "both", if it exists; an administrator can allow it'),
    ],
    [
      "a route it names, whatever the targets",
      { allowedRoutes: ["both"], allowedModels: ["gpt*"] },
      { name: "both" },
      "local",
    ],
    [
      "the same with a model alone",
      { allowedRoutes: ["alone"], allowedProviders: ["third"] },
      { name: "alone" },
      "local",
    ],
    [
      "no other route",
      { allowedRoutes: ["alone"] },
      { name: "both" },
      denied('route.name: the token may not use the route "both", if it exists; it may use alone'),
    ],
    [
      "nothing but routes, when it names routes alone",
      { allowedRoutes: ["both"] },
      onLocal,
      denied("route.targets: the token may only use routes by name: both"),
    ],
    ["providers beside routes", { allowedRoutes: ["both"], allowedProviders: ["local"] }, onLocal, "local"],
  ])("%s", async (_, allowed, route, answer) => {
    expect(await answering(allowed, route)).toEqual(answer);
  });

  test("a provider of its own only where that is said", async () => {
    await using vendor = await startChatVendor();
    const inlineProvider = { kind: "openai-compatible", baseUrl: vendor.baseUrl };
    const route = { targets: [{ inlineProvider, model: "m" }] };
    const refused = denied("route.targets[0].inlineProvider: the token may not bring providers of its own");
    expect(await answering({}, route)).toEqual(refused);
    expect(await answering({ allowedProviders: ["local"] }, route)).toEqual(refused);
    // It gets as far as the address, which is one inside.
    expect(await answering({ inlineProvidersAllowed: true }, route)).not.toEqual(refused);
    const alone = { inlineProvidersAllowed: true, allowedRoutes: ["both"] };
    expect(await answering(alone, route)).not.toEqual(refused);
    expect(await answering(alone, onLocal)).toEqual(
      denied("route.targets[0]: the token may not use local/echo, if it exists; it may use the routes both"),
    );
  });
});

const route = onLocal;
const format = { mimeType: "audio/pcm", sampleRateHertz: 16_000 };
const silence = Buffer.alloc(3_200).toString("base64");

/** Every RPC that takes a route, or names a provider: each on its own has to keep to what a token allows. */
const calls: readonly (readonly [rpc: string, request: object])[] = [
  ["AgentService/Run", echoRequest("hi")],
  ["AgentService/RunStream", echoRequest("hi")],
  ["AudioService/Speak", { route, text: "hi" }],
  ["AudioService/SpeakStream", { route, text: "hi" }],
  ["AudioService/SpeakDuplex", { start: { route } }],
  ["AudioService/Transcribe", { route, audio: { mimeType: "audio/pcm", data: silence }, format }],
  ["AudioService/ListVoices", { provider: "local" }],
  ["TranscriptionService/TranscribeStream", { start: { route, format } }],
  ["LiveService/Converse", { start: { route } }],
  ["ImagesService/GenerateImage", { route, prompt: "a cat" }],
  ["ImagesService/GenerateImageStream", { route, prompt: "a cat" }],
  ["ImagesService/EditImage", { route, prompt: "a cat", images: [{ mimeType: "image/png", data: "AAAA" }] }],
  ["ImagesService/EditImageStream", { route, prompt: "a cat", images: [{ mimeType: "image/png", data: "AAAA" }] }],
];

test.each(calls)("%s keeps to it", async (rpc, request) => {
  const limited = await gateway.createToken({ allowedProviders: ["second"] });
  expect(await statusOf(rpc, request, limited.secret)).toMatchObject({
    code: "permission_denied",
    message: expect.stringContaining("the token may not use local"),
  });
  expect(await statusOf(rpc, request, adminToken)).not.toMatchObject({ code: "permission_denied" });
});

/** Over a WebSocket, which every RPC has. */
function statusOf(rpc: string, request: object, token: string): Promise<object> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}` };
    const socket = new WebSocket(`${gateway.url.replace("http", "ws")}/livellm.v1.${rpc}`, { headers });
    let last = "";
    socket.on("message", (data) => {
      last = String(data);
    });
    socket.on("open", () => {
      socket.send(JSON.stringify(request));
      socket.send('{"end":{}}');
    });
    socket.on("close", () => resolve((JSON.parse(last) as { readonly status: object }).status));
    socket.on("error", reject);
  });
}

describe("ModelsService shows what the token may use", () => {
  const list = async (secret: string) => {
    const { body } = await gateway.call("ModelsService/ListModels", {}, secret);
    const models = (body.models ?? []) as unknown as readonly { readonly provider: string; readonly id: string }[];
    return models.map(({ provider, id }) => `${provider}/${id}`);
  };

  test("in a list, by name, and as the best", async () => {
    const all = await list(adminToken);
    expect(all).toEqual(expect.arrayContaining(["local/echo", "second/echo"]));
    const { secret } = await gateway.createToken({ allowedProviders: ["second"] });
    expect(await list(secret)).toEqual(all.filter((name) => name.startsWith("second/")));
    const get = (provider: string) => gateway.call("ModelsService/GetModel", { provider, id: "echo" }, secret);
    expect([(await get("second")).status, (await get("local")).status]).toEqual([200, 403]);
    const { body } = await gateway.call("ModelsService/FindBestModel", { maxResults: 20 }, secret);
    const best = body.targets as unknown as readonly { readonly provider: string }[];
    expect(new Set(best.map(({ provider }) => provider))).toEqual(new Set(["second"]));
  });

  test("nothing, when it may use routes alone", async () => {
    const { secret } = await gateway.createToken({ allowedRoutes: ["both"] });
    expect(await list(secret)).toEqual([]);
  });
});

test("what a token may use counts for the targets that a request names, not for their order", async () => {
  const { secret } = await gateway.createToken({ allowedProviders: ["local", "second"] });
  const request = requestTo([...onSecond.targets, ...onLocal.targets]);
  expect(await gateway.call("AgentService/Run", request, secret)).toMatchObject({
    body: { routeResult: { provider: "second" } },
  });
});

describe("what a token may not use is answered alike, whether it exists or not", () => {
  const route = { name: "both" };
  const fallback = { targets: [{ provider: "second" }] };
  test.each<[what: string, allowed: object, there: object, missing: object]>([
    ["a provider", { allowedProviders: ["third"] }, onLocal, { targets: [{ provider: "nobody", model: "echo" }] }],
    ["its default model", { allowedModels: ["gpt*"] }, fallback, { targets: [{ provider: "nobody" }] }],
    ["a provider without one", { allowedModels: ["gpt*"] }, { targets: [{ provider: "local" }] }, fallback],
    ["a model alone", { allowedProviders: ["third"] }, { targets: [{ model: "echo" }] }, { targets: [{ model: "x" }] }],
    [
      "a provider in front of a model",
      { allowedProviders: ["third"] },
      { targets: [{ model: "local/echo" }] },
      { targets: [{ model: "nobody/echo" }] },
    ],
    ["a route", { allowedRoutes: ["alone"] }, route, { name: "nothing" }],
    ["a route of which it may use nothing", { allowedProviders: ["third"] }, route, { name: "nothing" }],
    ["a route of a model alone", { allowedProviders: ["third"] }, { name: "alone" }, { name: "nothing" }],
    ["what is not a route", { allowedRoutes: ["alone"] }, onLocal, { targets: [{ provider: "nobody", model: "m" }] }],
  ])("%s", async (_, allowed, there, missing) => {
    const [refused, unknown] = [await answering(allowed, there), await answering(allowed, missing)];
    expect(refused).toEqual([...denied(expect.stringContaining(": the token may ") as string)]);
    expect(withoutNames(unknown)).toEqual(withoutNames(refused));
  });

  /** What the request itself has named. */
  const withoutNames = (answer: unknown) =>
    JSON.stringify(answer).replace(/(may not use (?:the route )?)\S+, if/, "$1X, if");

  test("ModelsService", async () => {
    const { secret } = await gateway.createToken({ allowedProviders: ["third"], allowedModels: ["gpt*"] });
    const answer = async (rpc: string, request: object) => {
      const { status, body } = await gateway.call(`ModelsService/${rpc}`, request, secret);
      return `${status} ${withoutNames(body.message)}`;
    };
    const alike = async (rpc: string, requestFor: (provider: string) => object) => {
      const refused = await answer(rpc, requestFor("local"));
      expect(refused).toMatch(/^403 .*the token may not use X, if it exists/);
      expect(await answer(rpc, requestFor("nobody"))).toBe(refused);
    };
    await alike("ListModels", (provider) => ({ provider }));
    await alike("GetModel", (provider) => ({ provider, id: "echo" }));
    await alike("FindBestModel", (provider) => ({ requirements: { providers: [provider] } }));
    const oneModel = await gateway.createToken({ allowedModels: ["gpt*"] });
    const get = (id: string) => gateway.call("ModelsService/GetModel", { provider: "local", id }, oneModel.secret);
    expect([(await get("echo")).status, (await get("no-such-model")).status]).toEqual([403, 403]);
  });

  test("but an allowed name that means nothing, with none beside it that is not allowed", async () => {
    expect(
      await answering({ allowedProviders: ["third", "second"] }, { targets: [{ provider: "third", model: "m" }] }),
    ).toEqual(["not_found", "REASON_NOT_FOUND", 'there is no provider "third"; there are: second']);
    expect(await answering({ allowedRoutes: ["gone", "both"] }, { name: "gone" })).toEqual([
      "not_found",
      "REASON_NOT_FOUND",
      'there is no route "gone"; there are: both',
    ]);
  });

  test("an administrator and a token that may use all are told what there is", async () => {
    const nowhere = { targets: [{ provider: "nobody", model: "m" }] };
    expect(await answering({}, nowhere)).toEqual([
      "not_found",
      "REASON_NOT_FOUND",
      expect.stringMatching(/^there is no provider "nobody"; there are: .*local/),
    ]);
    expect(await answering({}, { name: "nothing" })).toEqual([
      "not_found",
      "REASON_NOT_FOUND",
      'there is no route "nothing"; there are: alone, both',
    ]);
    expect((await gateway.call("AgentService/Run", requestTo(nowhere.targets))).body.code).toBe("not_found");
  });

  test("a route that it may use says nothing of others where its targets are gone", async () => {
    await admin("ProvidersService/CreateProvider", { provider: { id: "passing", kind: "local" } });
    await admin("RoutesService/CreateRoute", {
      route: { name: "stale", route: { targets: [{ provider: "passing", model: "echo" }] } },
    });
    await admin("ProvidersService/DeleteProvider", { id: "passing" });
    expect(await answering({ allowedRoutes: ["stale"] }, { name: "stale" })).toEqual([
      "not_found",
      "REASON_NOT_FOUND",
      'there is no provider "passing", which this server\'s settings name',
    ]);
  });
});

describe("a token that may use one provider is told of no other", () => {
  test.each<[rpc: string, request: object, code: string]>([
    ["AgentService/Run", requestTo([{ provider: "nobody", model: "m" }]), "permission_denied"],
    ["AgentService/Run", requestTo([{ model: "no-such-model" }]), "permission_denied"],
    ["AudioService/ListVoices", { provider: "nobody" }, "permission_denied"],
    ["ModelsService/ListModels", { provider: "nobody" }, "permission_denied"],
    ["ModelsService/ListModels", { provider: "silent" }, "permission_denied"],
    ["ModelsService/GetModel", { provider: "silent", id: "m" }, "permission_denied"],
    ["ModelsService/GetModel", { provider: "second", id: "nothing" }, "not_found"],
    ["ModelsService/FindBestModel", { requirements: { providers: ["silent"] } }, "permission_denied"],
    ["ModelsService/ListModels", {}, "ok"],
  ])("%s %j", async (rpc, request, code) => {
    const silent = { id: "silent", kind: "openai-compatible", baseUrl: "http://127.0.0.1:1/v1" };
    await gateway.call("ProvidersService/CreateProvider", { provider: silent });
    const everything = await gateway.call("ModelsService/ListModels", {});
    expect(everything.body.failures).toMatchObject([{ provider: "silent" }]);
    const { secret } = await gateway.createToken({ allowedProviders: ["second"] });
    const { body } = await gateway.call(rpc, request, secret);
    expect(body.code ?? "ok").toBe(code);
    // What the request itself names may be repeated.
    const told = JSON.stringify(body)
      .replaceAll("may not use silent, if it exists", "")
      .replaceAll(/"providerKind":"local"|"local":true/g, "");
    expect(told).not.toMatch(/silent|local/);
  });
});
