import { existsSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { answerWith, type ChatVendor, startChatVendor, type VendorCall } from "../support/chat-vendor.ts";
import { describeWith } from "../support/foreign-tools.ts";
import { projectRoot } from "../support/gateway.ts";
import { run } from "../support/process.ts";
import { startVendor } from "../support/vendor-server.ts";
import { type CompatGateway, startCompatGateway } from "./compat-gateway.ts";
import { answered, linesOf, post } from "./http-call.ts";
import { startV1Vendor } from "./v1-vendor.ts";

let gateway: CompatGateway;
let vendor: ChatVendor;
const at = (place: string) => `${gateway.url}${place}`;

beforeAll(async () => {
  gateway = await startCompatGateway();
  vendor = await startChatVendor(answerWith("Good ", "morning"));
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await vendor[Symbol.asyncDispose]();
});

const body = { model: "m", messages: [{ role: "user", content: "Hi" }] };
const headers = (): Record<string, string> => ({
  "x-api-key": "sk-very-secret-1",
  "x-provider": "OpenAI",
  "x-base-url": vendor.baseUrl,
});

interface Line {
  readonly output: string;
  readonly usage: object;
}

describe("requests that bring their provider in headers", () => {
  test("run at the address and with the key that they bring", async () => {
    const { status, text } = await post(at("/agent/run"), body, headers());
    expect([status, JSON.parse(text)]).toEqual([
      200,
      { output: "Good morning", usage: { input_tokens: 3, output_tokens: 2 } },
    ]);
    expect(vendor.calls.at(-1)).toMatchObject({
      path: "/v1/chat/completions",
      headers: { authorization: "Bearer sk-very-secret-1" },
    });
  });

  test("stream deltas, with the usage in the last line alone", async () => {
    const answer = await post(at("/agent/run_stream"), body, headers());
    expect(answer.headers.get("content-type")).toBe("application/x-ndjson");
    expect(linesOf<Line>(answer)).toEqual([
      { output: "Good ", usage: {} },
      { output: "morning", usage: {} },
      { output: "", usage: { input_tokens: 3, output_tokens: 2 } },
    ]);
  });

  test("without these headers the same path is livellm's", async () => {
    const local = { provider_uid: "local", model: "echo", messages: body.messages };
    expect(await post(at("/agent/run"), local)).toMatchObject({
      status: 200,
      text: expect.stringContaining('"history":null'),
    });
  });

  test.each([
    ["x-provider", "the header X-Provider is required"],
    ["x-api-key", "the header X-Api-Key is required"],
  ])("need %s", async (name, detail) => {
    const { [name]: _, ...rest } = headers();
    expect(await post(at("/agent/run"), body, rest)).toMatchObject({ status: 400, text: JSON.stringify({ detail }) });
  });

  test("name a provider that there is", async () => {
    const { status, text } = await post(at("/agent/run"), body, { ...headers(), "x-provider": "acme" });
    expect([status, text]).toEqual([400, expect.stringContaining("Invalid provider: acme")]);
  });

  test("may leave out the tools, and may not leave out the question", async () => {
    const answer = { ...body, messages: [...body.messages, { role: "model", content: "Hello" }] };
    expect(await post(at("/agent/run"), answer, headers())).toMatchObject({ status: 400 });
    expect(await post(at("/agent/run"), { model: "m" }, headers())).toMatchObject({ status: 422 });
  });

  test("get the provider's own failure, before the first byte as a status and without their key", async () => {
    await using broken = await startChatVendor((call: VendorCall) =>
      call.reply(401, { error: { message: "bad key sk-very-secret-1" } }),
    );
    const answer = await post(at("/agent/run_stream"), body, { ...headers(), "x-base-url": broken.baseUrl });
    expect(answer.status).toBe(502);
    expect(answer.text).not.toContain("sk-very-secret-1");
  });
});

describe("audio", () => {
  test.each([
    ["pcm", "audio/pcm", "24000"],
    ["ulaw_8000", "audio/ulaw", "8000"],
    // The vendor has one rate of MP3, whatever it is asked for.
    ["mp3_44100_128", "audio/mpeg", "24000"],
  ])("speaks as %s", async (output_format, type, rate) => {
    await using speech = await startVendor({ headers: { "content-type": "audio/pcm" }, body: [Buffer.alloc(4800)] });
    const request = { model: "tts", text: "Hello", voice: "alloy", output_format };
    for (const place of ["/audio/speak", "/audio/speak_stream"]) {
      const answer = await post(at(place), request, { ...headers(), "x-base-url": `${speech.url}/v1` });
      expect([answer.status, answer.headers.get("content-type"), answer.headers.get("x-sample-rate")]).toEqual([
        200,
        type,
        rate,
      ]);
    }
  });

  test("knows no other formats", async () => {
    const request = { model: "tts", text: "Hello", voice: "alloy", output_format: "8track" };
    expect(await post(at("/audio/speak"), request, headers())).toMatchObject({ status: 400 });
  });

  const form = (more: Record<string, string | Blob>) => {
    const data = new FormData();
    for (const [name, value] of Object.entries({ model: "whisper-1", ...more })) data.set(name, value);
    return { method: "POST", headers: headers(), body: data };
  };

  test.each([
    ["no file", {}, 422, "Field required"],
    [
      "a file of another kind",
      { file: new Blob(["x"], { type: "text/plain" }) },
      400,
      "Expected audio file, got text/plain",
    ],
    ["an empty file", { file: new Blob([], { type: "audio/wav" }) }, 400, "Audio file is empty"],
    [
      "settings that are no JSON",
      { file: new Blob(["x"], { type: "audio/wav" }), gen_config: "{" },
      400,
      "Invalid JSON in gen_config",
    ],
  ])("refuses %s", async (_, more, status, words) => {
    expect(await answered(at("/audio/transcribe"), form(more))).toMatchObject({
      status,
      text: expect.stringContaining(words),
    });
  });

  test("refuses a form that breaks off", async () => {
    const type = { "content-type": "multipart/form-data; boundary=x" };
    const broken = {
      method: "POST",
      headers: { ...headers(), ...type },
      body: '--x\r\ncontent-disposition: form-data; name="model"\r\n\r\nm',
    };
    expect(await answered(at("/audio/transcribe"), broken)).toMatchObject({ status: 422 });
  });
});

test("alone, every request is its own", async () => {
  await using alone = await startCompatGateway(["v1"]);
  expect(await post(`${alone.url}/agent/run`, body)).toMatchObject({ status: 400 });
  expect(await answered(`${alone.url}/livellm/ping`)).toMatchObject({ status: 404 });
});

const program = path.join(projectRoot, ".venv-livellm-1.3.6/bin/python");
const requests = { program, missing: existsSync(program) ? undefined : "run test/compat/make-venvs.sh" };

describeWith(requests, "the documents' calls with the Python package requests", () => {
  test("work as they stand", async () => {
    await using everything = await startV1Vendor();
    const args = [path.join(projectRoot, "test/compat/v1_client.py"), gateway.url, `${everything.url}/v1`];
    const { code, stdout, stderr } = await run(program, args);
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      ping: { status: "ok" },
      run: { output: "Hello", usage: {} },
      lines: [{ output: "Hel", usage: {} }, { output: "lo", usage: {} }, { output: "" }],
      speech: [4800, "audio/pcm", "24000"],
      transcript: { text: "Hello" },
    });
  });
});
