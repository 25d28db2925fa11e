import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { MetricFamily } from "../../src/telemetry/metric-family.ts";
import { type AccessGateway, adminToken, startAccessGateway } from "../access/access-gateway.ts";
import { faces } from "../access/faces.ts";
import { faces as streamFaces } from "../support/faces.ts";
import { type Scrape, scrape } from "./scrape.ts";

/** As the faces of the test call theirs; what they call is another test's matter. */
const labelOf: Readonly<Record<string, string>> = {
  gRPC: "grpc",
  "gRPC, compressed": "grpc",
  "gRPC-Web": "grpc-web",
  "Connect over HTTP/1.1": "connect",
  "Connect over HTTP/2": "connect",
  SSE: "sse",
  NDJSON: "ndjson",
  "Connect's GET": "json",
  "WebSocket, handshake": "websocket",
  "WebSocket, first frame": "websocket",
  "WebSocket, subprotocol": "websocket",
};

describe.each(["on", "off"])("with the hot path %s", (hotPath) => {
  let gateway: AccessGateway;
  let caller: { readonly id: string; readonly secret: string };
  beforeAll(async () => {
    gateway = await startAccessGateway({ LIVELLM_ADMIN_TOKEN: adminToken, LIVELLM_HOT_PATH: hotPath });
    caller = await gateway.createToken();
  });
  afterAll(() => gateway[Symbol.asyncDispose]());

  const finished = "rpc_server_call_duration_seconds_count";
  const difference = (before: Scrape, after: Scrape, name: string, labels: Readonly<Record<string, string>>) =>
    after.value(name, labels) - before.value(name, labels);

  test.each(faces)("a call over $name is counted once, under its face", async ({ name, run }) => {
    const before = await scrape(gateway.url);
    expect(await run(gateway.url, `Bearer ${caller.secret}`)).toBe("ok");
    const labels = { rpc_response_status_code: "ok", livellm_face: labelOf[name] ?? "" };
    await expect.poll(async () => difference(before, await scrape(gateway.url), finished, labels)).toBe(1);
    const after = await scrape(gateway.url);
    expect(difference(before, after, finished, {})).toBe(1);
    expect(difference(before, after, "livellm_caller_calls_total", { livellm_token_id: caller.id })).toBe(1);
    expect(after.value("livellm_calls_active")).toBe(0);
    expect(after.value("livellm_admission_running")).toBe(0);
  });

  test.each(faces)("one that is not let in over $name is counted as refused", async ({ run }) => {
    const before = await scrape(gateway.url);
    expect(await run(gateway.url, "Bearer llm_wrong")).toMatch(/^unauthenticated/);
    const labels = { rpc_response_status_code: "unauthenticated", error_type: "unauthenticated" };
    const refused = async () => difference(before, await scrape(gateway.url), "livellm_calls_refused_total", labels);
    await expect.poll(refused).toBe(1);
  });
});

test("a caller that has used up its requests is counted as limited", async () => {
  await using gateway = await startAccessGateway();
  const { secret } = await gateway.createToken({ requestsPerMinute: 1 });
  for (let i = 0; i < 3; i++) await gateway.call("ModelsService/ListModels", {}, secret);
  const { value } = await scrape(gateway.url);
  expect(value("livellm_calls_refused_total", { error_type: "caller_limited" })).toBe(2);
});

test("requests that never become calls are counted by what they were told, once", async () => {
  await using gateway = await startAccessGateway({});
  const path = "/livellm.v1.AgentService/Run";
  const post = (url: string, contentType: string, body: string) =>
    fetch(gateway.url + url, { method: "POST", headers: { "content-type": contentType }, body });
  await post(path, "application/json", '{"messages":');
  await post(path, "text/plain", "hello");
  await post("/livellm.v1.AgentService/Walk", "application/json", "{}");
  await post(path, "application/json", '{"messages":[]}');
  const { value } = await scrape(gateway.url);
  expect(value("livellm_errors_total", { rpc_response_status_code: "invalid_argument" })).toBe(3);
  expect(value("livellm_errors_total", { rpc_response_status_code: "unimplemented" })).toBe(1);
  expect(value("rpc_server_call_duration_seconds_count")).toBe(1);
});

test("what a model was given and gave is counted by target, and by app", async () => {
  await using gateway = await startAccessGateway({});
  const target = { provider: "local", model: "echo" };
  const request = { route: { targets: [target] }, messages: [{ text: "one two three" }], caller: { app: "kiosk" } };
  const { body } = await gateway.call("AgentService/Run", request);
  const { inputTokens, outputTokens } = body.usage as { inputTokens: number; outputTokens: number };
  const { value } = await scrape(gateway.url);
  const labels = { gen_ai_operation_name: "chat", gen_ai_request_model: "echo", livellm_provider_id: "local" };
  expect(value("gen_ai_client_token_usage_sum", { ...labels, gen_ai_token_type: "input" })).toBe(inputTokens);
  expect(value("gen_ai_client_token_usage_sum", { ...labels, gen_ai_token_type: "output" })).toBe(outputTokens);
  expect(value("gen_ai_client_operation_duration_seconds_count", labels)).toBe(1);
  expect(value("gen_ai_client_operation_time_to_first_chunk_seconds_count", labels)).toBe(0);
  expect(value("livellm_attempts_total", { ...labels, livellm_outcome: "answered" })).toBe(1);
  expect(value("livellm_caller_tokens_total", { client_app: "kiosk" })).toBe(inputTokens + outputTokens);
});

test("the times to the first output, and to each further one, are those of streams", async () => {
  await using gateway = await startAccessGateway({});
  const target = { provider: "local", model: "echo", options: { pace_ms: 20 } };
  const request = { route: { targets: [target] }, messages: [{ text: "one two three four five" }] };
  const response = await fetch(`${gateway.url}/livellm.v1.AgentService/RunStream`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(request),
  });
  await response.text();
  const { value } = await scrape(gateway.url);
  const labels = { gen_ai_request_model: "echo" };
  const further = "gen_ai_client_operation_time_per_output_chunk_seconds";
  for (const name of [
    "gen_ai_client_operation_time_to_first_chunk_seconds",
    "gen_ai_server_time_to_first_token_seconds",
    further,
  ]) {
    expect([name, value(`${name}_count`, labels)]).toEqual([name, 1]);
  }
  // Four pauses of 20 ms, over what else there is of parts that begin and end at once.
  expect(value(`${further}_sum`, labels)).toBeGreaterThan(0.005);
  expect(value("livellm_call_time_to_first_message_seconds_count", { livellm_face: "ndjson" })).toBe(1);
});

test("a target that fails, and the one that takes over, are counted with how they ended", async () => {
  await using gateway = await startAccessGateway({});
  const broken = { provider: "local", model: "echo", options: { fail_before: "rate_limited" } };
  const request = {
    route: { targets: [broken, { provider: "local", model: "echo" }] },
    messages: [{ text: "one two" }],
  };
  expect((await gateway.call("AgentService/Run", request)).status).toBe(200);
  const { value } = await scrape(gateway.url);
  expect(value("livellm_attempts_total", { livellm_outcome: "failed", error_type: "rate_limited" })).toBe(1);
  expect(value("livellm_attempts_total", { livellm_outcome: "answered" })).toBe(1);
  expect(value("livellm_fallbacks_total", { livellm_provider_id: "local" })).toBe(1);
  expect(value("livellm_breaker_open", { livellm_provider_id: "local", gen_ai_request_model: "echo" })).toBe(0);
});

test("a stream that its caller leaves is canceled, and no longer open", async () => {
  await using gateway = await startAccessGateway({});
  const target = { provider: "local", model: "echo", options: { stall_after_words: 1 } };
  const controller = new AbortController();
  const response = await fetch(`${gateway.url}/livellm.v1.AgentService/RunStream`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ route: { targets: [target] }, messages: [{ text: "one two" }] }),
    signal: controller.signal,
  });
  await response.body?.getReader().read();
  const method = { rpc_method: "livellm.v1.AgentService/RunStream" };
  expect((await scrape(gateway.url)).value("livellm_calls_active", method)).toBe(1);
  controller.abort();
  await expect.poll(async () => (await scrape(gateway.url)).value("livellm_calls_active", method)).toBe(0);
  const { value } = await scrape(gateway.url);
  expect(value("rpc_server_call_duration_seconds_count", { rpc_response_status_code: "canceled" })).toBe(1);
  await expect
    .poll(async () => (await scrape(gateway.url)).value("livellm_attempts_total", { livellm_outcome: "cancelled" }))
    .toBe(1);
});

test.each(streamFaces)("of $name calls that are left at any moment none stays open", async ({ runStream }) => {
  await using gateway = await startAccessGateway({});
  const target = { provider: "local", model: "echo", options: { pace_ms: 3 } };
  const request = { route: { targets: [target] }, messages: [{ text: "one two three four five six" }] };
  const leave = async (afterEvents: number) => {
    const controller = new AbortController();
    let seen = 0;
    const call = runStream(gateway.url, request, controller.signal, () => ++seen > afterEvents && controller.abort());
    if (afterEvents < 0) controller.abort();
    await call.catch(() => undefined);
  };
  await Promise.all(Array.from({ length: 40 }, (_, i) => leave((i % 9) - 1)));
  const open = async (name: string) => (await scrape(gateway.url)).value(name);
  await expect.poll(() => open("livellm_calls_active")).toBe(0);
  expect(await open("livellm_admission_running")).toBe(0);
  await expect.poll(() => open("livellm_attempts_total")).toBeGreaterThan(20);
});

test("models that callers make up are counted together beyond a limit", () => {
  const description = { name: "m", unit: "1", description: "M", attributes: ["model"] };
  const family = new MetricFamily(description, () => ({ value: 0 }), 2);
  for (const model of ["a", "b", "c", "d", "a"]) family.with(model).value++;
  expect([...family.entries()]).toEqual([
    [{ model: "a" }, { value: 2 }],
    [{ model: "b" }, { value: 1 }],
    [{ "otel.metric.overflow": "true" }, { value: 2 }],
  ]);
});
