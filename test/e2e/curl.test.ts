import { afterAll, beforeAll, expect, test } from "vitest";
import { answerWith, type ChatVendor, startChatVendor } from "../support/chat-vendor.ts";
import { echoRequest, requestTo } from "../support/echo-request.ts";
import { curl, describeWith } from "../support/foreign-tools.ts";
import { type Gateway, startGateway } from "../support/gateway.ts";
import { createProvider } from "../support/json-call.ts";
import { run } from "../support/process.ts";

let gateway: Gateway;
let vendor: ChatVendor;

beforeAll(async () => {
  gateway = await startGateway();
  vendor = await startChatVendor(answerWith("Good ", "morning"));
  await createProvider(gateway.url, {
    id: "vendor",
    kind: "openai-compatible",
    baseUrl: vendor.baseUrl,
    apiKey: "sk-1",
  });
});

afterAll(async () => {
  await vendor[Symbol.asyncDispose]();
  await gateway.stop();
});

interface Answer {
  readonly status: number;
  readonly httpVersion: string;
  readonly headers: string;
  readonly body: string;
}

/** Runs curl; the write-out stands after the body, behind a separator that no body has. */
async function call(args: readonly string[], path: string): Promise<Answer> {
  const format = "\n--end--%{http_code} %{http_version}";
  const { code, stdout, stderr } = await run("curl", ["-sSN", "-D", "-", "-w", format, ...args, gateway.url + path]);
  if (code !== 0) throw new Error(`curl ended with ${code}: ${stderr}`);
  const [answer = "", end = ""] = stdout.split("\n--end--");
  const headerEnd = answer.indexOf("\r\n\r\n");
  const [status, httpVersion = ""] = end.split(" ");
  return {
    status: Number(status),
    httpVersion,
    headers: answer.slice(0, headerEnd).toLowerCase(),
    body: answer.slice(headerEnd + 4),
  };
}

const json = ["-H", "content-type: application/json"];
const post = (request: object) => [...json, "-d", JSON.stringify(request)];
const runPath = "/livellm.v1.AgentService/Run";
const streamPath = "/livellm.v1.AgentService/RunStream";
const linesOf = (body: string) => body.trimEnd().split("\n");

describeWith(curl, "curl", () => {
  const versions = [
    ["--http1.1", "1.1"],
    ["--http2-prior-knowledge", "2"],
    ["--http2", "1.1"],
  ] as const;

  test.each(versions)("%s calls a unary RPC with JSON", async (flag, version) => {
    const answer = await call([flag, ...post(echoRequest("Hello!"))], runPath);
    expect(answer).toMatchObject({ status: 200, httpVersion: version });
    expect(answer.headers).toContain("content-type: application/json");
    expect(JSON.parse(answer.body)).toMatchObject({ text: "Hello!", finishReason: "FINISH_REASON_STOP" });
  });

  test.each(versions)("%s streams JSON lines, the status last", async (flag, version) => {
    const answer = await call([flag, ...post(echoRequest("Hello brave world"))], streamPath);
    expect(answer).toMatchObject({ status: 200, httpVersion: version });
    expect(answer.headers).toContain("content-type: application/x-ndjson");
    const lines = linesOf(answer.body).map((line) => JSON.parse(line));
    expect(lines.flatMap((line) => line.textDelta?.text ?? [])).toEqual(["Hello", " brave", " world"]);
    expect(lines.at(-2).finished.text).toBe("Hello brave world");
    expect(lines.at(-1)).toEqual({ status: { code: "ok" } });
  });

  test.each(versions)("%s streams server-sent events, the status last", async (flag, version) => {
    const answer = await call([flag, "-H", "accept: text/event-stream", ...post(echoRequest("Hello"))], streamPath);
    expect(answer).toMatchObject({ status: 200, httpVersion: version });
    expect(answer.headers).toContain("content-type: text/event-stream");
    const events = answer.body.trimEnd().split("\n\n");
    expect(events.slice(0, -1).every((event) => /^data: \{.*\}$/.test(event))).toBe(true);
    expect(events.at(-1)).toBe('event: status\ndata: {"status":{"code":"ok"}}');
  });

  test("streams what a vendor of chat completions says", async () => {
    const answer = await call(post(requestTo([{ provider: "vendor", model: "m-1" }])), streamPath);
    const lines = linesOf(answer.body).map((line) => JSON.parse(line));
    expect(lines.flatMap((line) => line.textDelta?.text ?? [])).toEqual(["Good ", "morning"]);
    expect(lines.at(-1)).toEqual({ status: { code: "ok" } });
  });

  test("never finds a raw line separator inside a line", async () => {
    const text = "a\u2028b\u2029c\u0085d";
    const answer = await call(post(echoRequest(text)), streamPath);
    expect(answer.body).not.toMatch(/[\u2028\u2029\u0085]/);
    expect(JSON.parse(linesOf(answer.body).at(-2) ?? "").finished.text).toBe(text);
  });

  test("reads with GET what has no side effects, and nothing else", async () => {
    const query = "?connect=v1&encoding=json&message=%7B%22id%22%3A%22vendor%22%7D";
    const found = await call([], `/livellm.v1.ProvidersService/GetProvider${query}`);
    expect(found.status).toBe(200);
    expect(JSON.parse(found.body).provider).toMatchObject({ id: "vendor", kind: "openai-compatible" });
    expect(found.body).not.toContain("sk-1");
    const listed = await call([], "/livellm.v1.ProvidersService/ListProviders?connect=v1&encoding=json&message=%7B%7D");
    expect(JSON.parse(listed.body).providers.map(({ id }: { id: string }) => id)).toEqual(["local", "vendor"]);
    expect((await call([], `/livellm.v1.ProvidersService/DeleteProvider${query}`)).status).toBe(405);
    expect((await call([], runPath)).status).toBe(405);
  });

  test("gets the request's id back", async () => {
    const answer = await call(["-H", "x-request-id: mine-1", ...post(echoRequest("Hello"))], runPath);
    expect(answer.headers).toContain("x-request-id: mine-1");
    expect((await call(post(echoRequest("Hello")), streamPath)).headers).toMatch(/^x-request-id: \S+/m);
  });

  const echo = [{ provider: "local", model: "echo" }];
  const failing = (reason: string) => echoRequest("Hello", { fail_before: reason });
  const refusals: readonly (readonly [what: string, status: number, code: string, path: string, request: object])[] = [
    ["two violations", 400, "invalid_argument", runPath, { route: { targets: echo }, config: { maxSteps: 0 } }],
    ["an unknown field", 400, "invalid_argument", runPath, { ...echoRequest("Hello"), temprature: 1 }],
    [
      "an unknown word",
      400,
      "invalid_argument",
      streamPath,
      { route: { targets: echo, strategy: "parallel" }, messages: [{ text: "a" }] },
    ],
    ["an unknown provider", 404, "not_found", streamPath, requestTo([{ provider: "nobody", model: "m" }])],
    [
      "a provider that exists",
      409,
      "already_exists",
      "/livellm.v1.ProvidersService/CreateProvider",
      { provider: { id: "vendor", kind: "openai-compatible", baseUrl: "http://localhost:1/v1" } },
    ],
    ["a rate limit", 429, "resource_exhausted", streamPath, failing("rate_limited")],
    ["a provider that is down", 503, "unavailable", runPath, failing("provider_unavailable")],
    ["a provider that refuses its key", 400, "failed_precondition", runPath, failing("provider_auth")],
  ];

  test.each(refusals)("is told of %s with HTTP status %i and %s", async (_, status, code, path, request) => {
    const answer = await call(post(request), path);
    expect(answer.status).toBe(status);
    expect(answer.headers).toContain("content-type: application/json");
    const body = JSON.parse(answer.body);
    expect(body).toMatchObject({ code, message: expect.stringMatching(/\S+ \S+/) });
    expect(body.details[0]).toMatchObject({
      type: "livellm.v1.ErrorDetail",
      value: expect.any(String),
      debug: expect.any(Object),
    });
  });

  test("is told of every violation at once, with the path and the allowed words", async () => {
    const both = await call(post({ route: { targets: echo }, config: { maxSteps: 0 } }), runPath);
    const [{ debug }] = JSON.parse(both.body).details;
    expect(debug.fieldViolations.map(({ field }: { field: string }) => field).sort()).toEqual([
      "config.maxSteps",
      "messages",
    ]);
    const word = await call(
      post({ route: { targets: echo, strategy: "parallel" }, messages: [{ text: "a" }] }),
      runPath,
    );
    const [violation] = JSON.parse(word.body).details[0].debug.fieldViolations;
    expect(violation.field).toBe("route.strategy");
    expect(violation.description).toContain("STRATEGY_PARALLEL");
  });

  test("is told of a stream that fails part-way by the last line, with HTTP status 200", async () => {
    const answer = await call(post(echoRequest("a b c", { fail_after: "network", after_words: 2 })), streamPath);
    expect(answer.status).toBe(200);
    const lines = linesOf(answer.body).map((line) => JSON.parse(line));
    expect(lines.flatMap((line) => line.textDelta?.text ?? [])).toEqual(["a", " b"]);
    expect(lines.at(-1).status).toMatchObject({ code: "unavailable", details: [{ type: "livellm.v1.ErrorDetail" }] });
    expect(lines.some((line) => line.finished)).toBe(false);
  });

  test("ends at the deadline it has set", async () => {
    const stalling = echoRequest("a b c", { stall_after_words: 0 });
    const answer = await call(["-H", "x-timeout-ms: 300", ...post(stalling)], runPath);
    expect(answer.status).toBe(504);
    expect(JSON.parse(answer.body).code).toBe("deadline_exceeded");
  });

  test("is told where nothing is", async () => {
    expect((await call([], "/nothing/here")).status).toBe(404);
  });
});
