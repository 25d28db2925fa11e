import { expect, test, vi } from "vitest";
import { echoRequest, requestTo } from "../support/echo-request.ts";
import { runGateway, startGateway } from "../support/gateway.ts";
import { callJson } from "../support/json-call.ts";
import { startVendor, type VendorServer } from "../support/vendor-server.ts";

interface Reported {
  readonly type: string;
  readonly body: Readonly<Record<string, unknown>>;
}

const canary = "canary-prompt-5c1e";
const key = "sk-canary-0123456789abcdef";
const patient = { timeout: 20_000, interval: 20 };

/** What the fake Sentry was sent: envelopes are lines of JSON, a head for each item before it. */
function reported({ calls }: VendorServer): readonly Reported[] {
  return calls.map(({ body }) => {
    const [, head = "{}", item = "{}"] = body.split("\n");
    return { type: (JSON.parse(head) as { type: string }).type, body: JSON.parse(item) as Reported["body"] };
  });
}

const whereItFails = {
  filename: expect.stringMatching(/^\/.*src\/compat\/chat\/surface\.[jt]s$/),
  function: "failForAdministrators",
  lineno: expect.any(Number),
  colno: expect.any(Number),
  in_app: true,
};

const startSentry = () => startVendor({ headers: { "content-type": "application/json" }, body: ["{}"] });
const settings = ({ url }: VendorServer) => ({
  SENTRY_DSN: `${url.replace("//", "//publickey@")}/42`,
  SENTRY_ENVIRONMENT: "staging",
  SENTRY_RELEASE: "livellm@test",
});

test("what nobody foresaw is reported once, with its request; what callers and vendors do wrong is not", async () => {
  await using sentry = await startSentry();
  await using vendor = await startVendor({ status: 500, body: ['{"error":{"message":"down"}}'] });
  await using gateway = await startGateway({ env: { ...settings(sentry), LIVELLM_SURFACES: "chat" } });
  const inlineProvider = { kind: "openai-compatible", baseUrl: `${vendor.url}/v1`, apiKey: key };
  await callJson(gateway.url, "AgentService/Run", requestTo([{ inlineProvider, model: "m" }], canary));
  await callJson(gateway.url, "AgentService/Run", { messages: [{ text: canary }] });
  await callJson(gateway.url, "AgentService/Run", echoRequest(canary));
  await fetch(`${gateway.url}/livellm.v1.AgentService/Run`, { method: "POST", body: canary });
  const answer = await fetch(`${gateway.url}/sentry-debug`, { headers: { "x-request-id": "asked-for" } });
  expect(answer.status).toBe(500);
  await gateway.stop();
  expect(reported(sentry)).toMatchObject([
    {
      type: "event",
      body: {
        level: "error",
        release: "livellm@test",
        environment: "staging",
        tags: { request_id: "asked-for" },
        exception: {
          values: [
            {
              type: "Error",
              value: "a failure that an administrator has asked for",
              stacktrace: { frames: expect.arrayContaining([whereItFails]) },
            },
          ],
        },
      },
    },
  ]);
  expect(sentry.calls[0]).toMatchObject({
    method: "POST",
    path: "/api/42/envelope/",
    headers: { "x-sentry-auth": expect.stringMatching(/^Sentry sentry_version=7, .*sentry_key=publickey$/) },
  });
  const fields = Object.keys(reported(sentry)[0]?.body ?? {});
  expect(fields.toSorted()).toEqual([
    ...["contexts", "environment", "event_id", "exception", "level", "platform", "release", "tags", "timestamp"],
  ]);
  for (const unwanted of [canary, key]) expect(JSON.stringify(sentry.calls)).not.toContain(unwanted);
});

test("what nobody catches is reported without what stands in quotes, and ends the process", async () => {
  await using sentry = await startSentry();
  const thrown = `new%20Error("not%20\\"${canary}\\"%20${key}",{cause:new%20TypeError("why")})`;
  const script = `process.on("SIGUSR2",()=>{throw%20${thrown}})`;
  const NODE_OPTIONS = `--import=data:text/javascript,${script.replaceAll('"', "%22").replaceAll("\\", "%5C")}`;
  await using gateway = await startGateway({ env: { ...settings(sentry), NODE_OPTIONS } });
  gateway.kill("SIGUSR2");
  expect(await gateway.ended).toBe(1);
  const [{ body } = { body: {} }] = reported(sentry);
  expect(body).toMatchObject({
    tags: { origin: "uncaughtException" },
    exception: {
      values: [
        { type: "TypeError", value: "why" },
        { type: "Error", value: "not “…” [redacted]" },
      ],
    },
  });
  expect(JSON.stringify(sentry.calls)).not.toContain(canary);
});

test("a worker that dies is reported by the one that starts another", async () => {
  await using sentry = await startSentry();
  const env = { ...settings(sentry), LIVELLM_WORKERS: "2", DATABASE_URL: "sqlite:workers.db" };
  await using gateway = await startGateway({ env });
  const { pid } = await gateway.logged("worker ready");
  process.kill(Number(pid), "SIGKILL");
  await vi.waitFor(() => expect(reported(sentry)).toHaveLength(1), patient);
  expect(reported(sentry)[0]?.body).toMatchObject({
    exception: { values: [{ type: "WorkerDied", value: "a worker died with SIGKILL" }] },
    tags: { worker: expect.stringMatching(/^[12]$/) },
  });
});

test("calls are reported where a share of them is asked for", async () => {
  await using sentry = await startSentry();
  const gateway = await startGateway({ env: { ...settings(sentry), SENTRY_TRACES_SAMPLE_RATE: "1" } });
  const caller = { requestId: "traced" };
  await callJson(gateway.url, "AgentService/Run", { ...echoRequest(canary), caller });
  await gateway.stop();
  expect(reported(sentry)).toMatchObject([
    {
      type: "transaction",
      body: {
        transaction: "livellm.v1.AgentService/Run",
        tags: { request_id: "traced", code: "ok" },
        contexts: { trace: { op: "rpc.server", status: "ok", trace_id: expect.stringMatching(/^[0-9a-f]{32}$/) } },
      },
    },
  ]);
  expect(JSON.stringify(sentry.calls)).not.toContain(canary);
});

test.each([
  [{ "retry-after": "100" }, 1],
  [{ "x-sentry-rate-limits": "100:transaction:key, 100:error;default:project" }, 1],
  [{ "x-sentry-rate-limits": "100:transaction:key" }, 2],
])("a Sentry that wants no more, with %j, gets %i", async (headers, sent) => {
  await using sentry = await startVendor({ status: 429, headers, body: ["{}"] });
  await using gateway = await startGateway({ env: { ...settings(sentry), LIVELLM_SURFACES: "chat" } });
  await fetch(`${gateway.url}/sentry-debug`);
  await vi.waitFor(() => expect(gateway.output()).toContain("Sentry: it answers 429"), patient);
  await fetch(`${gateway.url}/sentry-debug`);
  await gateway.stop();
  expect(sentry.calls).toHaveLength(sent);
});

test("a Sentry that is not there costs a line of the log, and no call", async () => {
  const env = { SENTRY_DSN: "http://publickey@127.0.0.1:1/42", LIVELLM_SURFACES: "chat" };
  await using gateway = await startGateway({ env });
  expect((await fetch(`${gateway.url}/sentry-debug`)).status).toBe(500);
  await vi.waitFor(() => expect(gateway.output()).toContain("faults cannot be reported to Sentry"), patient);
  expect(await callJson(gateway.url, "AgentService/Run", echoRequest("hi"))).toMatchObject({ status: 200 });
});

test("a DSN that is none ends the server at its start, without being repeated", async () => {
  const { code, stderr } = await runGateway({ SENTRY_DSN: "https://sentry.example/secret-part" });
  expect(code).toBe(1);
  expect(stderr).toMatch(/SENTRY_DSN.*it must be an address such as/s);
  expect(stderr).not.toContain("secret-part");
});
