import { once } from "node:events";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { answerWith, type ChatVendor, chunk, startChatVendor } from "../support/chat-vendor.ts";
import { type Gateway, startGateway } from "../support/gateway.ts";
import { changeProvider, createProvider } from "../support/json-call.ts";
import { livellm, startLivellm } from "../support/livellm.ts";
import { collected, type Finished } from "../support/process.ts";

let gateway: Gateway;
let vendor: ChatVendor;
let env: Readonly<Record<string, string>>;

beforeAll(async () => {
  gateway = await startGateway();
  vendor = await startChatVendor();
  await createProvider(gateway.url, { id: "vendor", kind: "openai-compatible", baseUrl: vendor.baseUrl });
  env = { LIVELLM_URL: gateway.url };
});

/** A provider that has changed begins anew: what one test broke is not to keep the calls of the next away. */
beforeEach(() => changeProvider(gateway.url, "vendor"));

afterAll(async () => {
  await vendor[Symbol.asyncDispose]();
  await gateway.stop();
});

/** Asks the vendor, which breaks off once what it has said has arrived. */
async function breakOff(more: readonly string[]): Promise<Finished> {
  const child = startLivellm(["chat", "-p", "vendor", "-m", "m-1", ...more, "Hello"], { env });
  const [stdout, stderr] = [collected(child.stdout), collected(child.stderr)];
  const call = await vendor.nextCall();
  call.begin();
  call.send(chunk({ content: "half an " }));
  while (!stdout().includes("half an ")) await once(child.stdout, "data");
  call.cut();
  const [code] = (await once(child, "close")) as [number];
  return { code, stdout: stdout(), stderr: stderr() };
}

describe("livellm chat", () => {
  test("writes the answer, and nothing else, to the standard output", async () => {
    const { code, stdout, stderr } = await livellm(["chat", "--provider", "local", "one", "two  three"], { env });
    expect([code, stdout, stderr]).toEqual([0, "one two  three\n", ""]);
  });

  test("says so where something else than a gateway answers, over HTTP/1 and where TLS is wanted", async () => {
    const other = new URL(vendor.baseUrl).origin;
    const plain = await livellm(["chat", "-p", "local", "Hello"], { env: { LIVELLM_URL: other } });
    expect([plain.code, plain.stdout]).toEqual([3, ""]);
    expect(plain.stderr.split("\n")).toEqual([
      "livellm: internal: what answers there speaks no HTTP/2: a proxy, or another program",
      expect.stringMatching(/^no gateway answers at /),
      "",
    ]);
    const secure = other.replace("http:", "https:");
    const { code, stderr } = await livellm(["chat", "-p", "local", "Hello"], { env: { LIVELLM_URL: secure } });
    expect([code, stderr]).toEqual([3, expect.stringContaining("is the address one of http://?")]);
    expect(stderr).not.toContain("SSL");
  });

  test("reads the prompt from the standard input", async () => {
    const { code, stdout } = await livellm(["chat", "-p", "local"], { env, input: "from a pipe\n" });
    expect([code, stdout]).toEqual([0, "from a pipe\n"]);
  });

  test("sends the system prompt and the model", async () => {
    const running = livellm(["chat", "-p", "vendor", "-m", "m-1", "-s", "Be kind.", "Hello"], { env });
    const call = await vendor.nextCall();
    answerWith("Hi", "!")(call);
    expect((await running).stdout).toBe("Hi!\n");
    expect(JSON.parse(call.body)).toMatchObject({
      model: "m-1",
      messages: [
        { role: "system", content: "Be kind." },
        { role: "user", content: "Hello" },
      ],
    });
  });

  test("writes text as it comes", async () => {
    const child = startLivellm(["chat", "-p", "vendor", "-m", "m-1", "Hello"], { env });
    const call = await vendor.nextCall();
    call.begin();
    call.send(chunk({ content: "first" }));
    const [data] = (await once(child.stdout, "data")) as [Buffer];
    expect(data.toString()).toBe("first");
    call.cut();
    await once(child, "close");
  });

  test("with --json, writes every event and the status as the last line", async () => {
    const { code, stdout } = await livellm(["chat", "-p", "local", "--json", "hi there"], { env });
    const lines = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(code).toBe(0);
    expect(lines.at(0)).toHaveProperty("started");
    expect(lines.at(-2)).toMatchObject({ finished: { text: "hi there" } });
    expect(lines.at(-1)).toEqual({ status: { code: "ok" } });
  });

  test("a stream that breaks ends with 4, says so and what was tried, and does not look finished", async () => {
    const { code, stdout, stderr } = await breakOff([]);
    expect([code, stdout]).toEqual([4, "half an "]);
    expect(stderr).toMatch(/^livellm: unavailable: .*vendor/);
    expect(stderr).toMatch(/^ {2}vendor m-1 failed after \d+\.\d\d s: /m);
    expect(stderr).toMatch(/the answer is not complete/);
  });

  test("with --json, the same stream ends with its status", async () => {
    const { code, stdout } = await breakOff(["--json"]);
    expect(code).toBe(4);
    expect(JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "")).toMatchObject({
      status: { code: "unavailable", details: [{ type: "livellm.v1.ErrorDetail" }] },
    });
  });

  test("ctrl-C cancels the call at the vendor, and says so", async () => {
    const child = startLivellm(["chat", "-p", "vendor", "-m", "m-1", "Hello"], { env });
    const [stdout, stderr] = [collected(child.stdout), collected(child.stderr)];
    const call = await vendor.nextCall();
    call.begin();
    call.send(chunk({ content: "half" }));
    await once(child.stdout, "data");
    child.kill("SIGINT");
    await call.closed;
    const [code] = await once(child, "close");
    expect([code, stdout(), stderr()]).toEqual([130, "half", "livellm: cancelled: the answer is not complete\n"]);
  });

  test("an output that nobody reads any more ends it without a word, and the call with it", async () => {
    const child = startLivellm(["chat", "-p", "vendor", "-m", "m-1", "Hello"], { env });
    const stderr = collected(child.stderr);
    const call = await vendor.nextCall();
    call.begin();
    call.send(chunk({ content: "one" }));
    await once(child.stdout, "data");
    child.stdout.destroy();
    const more = setInterval(() => call.send(chunk({ content: "more" })), 5);
    await call.closed;
    clearInterval(more);
    const [code] = await once(child, "exit");
    expect([code, stderr()]).toEqual([141, ""]);
  });

  test("holds a conversation, and leaves out the turns that failed", async () => {
    const child = startLivellm(["chat", "-p", "vendor", "-m", "m-1", "-i"], { env });
    const stderr = collected(child.stderr);
    child.stdin.write("first\nsecond\nthird\n");
    child.stdin.end();
    answerWith("one")(await vendor.nextCall());
    (await vendor.nextCall()).reply(400, { error: { message: "not now" } });
    const third = await vendor.nextCall();
    answerWith("three")(third);
    const [code] = await once(child, "close");
    expect(code).toBe(0);
    expect(stderr()).toMatch(/invalid argument: .*not now/);
    expect((JSON.parse(third.body) as { messages: unknown }).messages).toEqual([
      { role: "user", content: "first" },
      { role: "assistant", content: "one" },
      { role: "user", content: "third" },
    ]);
  });
});

describe("what is wrong is said", () => {
  test("a vendor that refuses: its status, what was tried, the request's id; ends with 1", async () => {
    const running = livellm(["chat", "-p", "vendor", "-m", "m-1", "Hello"], { env });
    (await vendor.nextCall()).reply(401, { error: { message: "bad key" } });
    const { code, stdout, stderr } = await running;
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(/^livellm: failed precondition: /);
    expect(stderr).toMatch(/^ {2}vendor m-1 failed/m);
    expect(stderr).toMatch(/^ {2}request [\w-]+$/m);
  });

  test("no gateway: ends with 3, and says how to start one", async () => {
    const { code, stderr } = await livellm(["chat", "-p", "local", "hi"], {
      env: { LIVELLM_URL: "http://127.0.0.1:9" },
    });
    expect(code).toBe(3);
    expect(stderr).toContain('no gateway answers at http://127.0.0.1:9: start one with "livellm serve"');
  });

  test.each([
    [["chat", "hi"], "Name a --model, a --provider or a --route"],
    [["chat", "--route", "a", "--model", "b", "hi"], "--route stands in place of"],
    [["chat", "-p", "local"], "there is nothing to ask"],
    [["chat", "-p", "local", "hi", "--url", "localhost"], "must be a URL"],
    [["chatt"], "Did you mean chat?"],
    [["chat", "--modle", "x"], "--model"],
  ])("%j ends with 2", async (args, said) => {
    const { code, stdout, stderr } = await livellm(args, { env });
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(said);
  });
});

describe("the token", () => {
  const token = "an-administrators-token";
  let guarded: Gateway;
  beforeAll(async () => {
    guarded = await startGateway({ env: { LIVELLM_ADMIN_TOKEN: token } });
  });
  afterAll(() => guarded.stop());
  const ask = (more: Readonly<Record<string, string>>) =>
    livellm(["chat", "-p", "local", "hi"], { env: { LIVELLM_URL: guarded.url, ...more } });

  test("comes from LIVELLM_TOKEN", async () => {
    expect(await ask({ LIVELLM_TOKEN: token })).toEqual({ code: 0, stdout: "hi\n", stderr: "" });
  });

  test("is asked for when it is missing, and never shown when it is wrong", async () => {
    const missing = await ask({});
    expect([missing.code, missing.stderr]).toEqual([1, expect.stringContaining("set LIVELLM_TOKEN")]);
    const wrong = await ask({ LIVELLM_TOKEN: "a-wrong-token-of-mine" });
    expect(wrong.code).toBe(1);
    expect(wrong.stderr).not.toContain("a-wrong-token-of-mine");
  });
});
