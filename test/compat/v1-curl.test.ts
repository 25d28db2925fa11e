import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { writeWav } from "../../src/audio/wav.ts";
import { curl, describeWith } from "../support/foreign-tools.ts";
import { run } from "../support/process.ts";
import type { VendorServer } from "../support/vendor-server.ts";
import { type CompatGateway, startCompatGateway } from "./compat-gateway.ts";
import { startV1Vendor } from "./v1-vendor.ts";

/** The older proxy's calls as its documents print them, given to a shell: what changes is the address. */
describeWith(curl, "the calls of v1's documents with curl", () => {
  let gateway: CompatGateway;
  let vendor: VendorServer;
  const folder = mkdtempSync(path.join(os.tmpdir(), "v1-curl-"));

  beforeAll(async () => {
    gateway = await startCompatGateway();
    vendor = await startV1Vendor();
    const pcm = { mimeType: "audio/pcm", sampleRateHertz: 16_000, channelCount: 1 };
    writeFileSync(path.join(folder, "audio.wav"), writeWav(pcm, new Uint8Array(3200)));
  });
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]();
    await vendor[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  /** Runs a command of the documents in the folder; what it writes, and the status that it is told to print last. */
  async function shell(command: string) {
    const env = { ...process.env, URL: gateway.url, VENDOR: `${vendor.url}/v1` };
    const written = `${command} -sS -w '\\n%{http_code} %{content_type}'`;
    const { code, stdout, stderr } = await run("sh", ["-c", written], { cwd: folder, env });
    expect(code, stderr).toBe(0);
    const end = stdout.lastIndexOf("\n");
    const [status, contentType] = stdout.slice(end + 1).split(" ");
    return { status: Number(status), contentType, body: stdout.slice(0, end) };
  }

  const credentials = `-H "X-Api-Key: sk-1" -H "X-Provider: openai" -H "X-Base-Url: $VENDOR"`;
  const lastCall = () => vendor.calls.at(-1);

  test("ping", async () => {
    expect(await shell(`curl "$URL/ping"`)).toMatchObject({ status: 200, body: '{"status":"ok"}' });
  });

  test("agent/run, with a key of the caller's", async () => {
    const answer = await shell(`curl -X POST "$URL/agent/run" ${credentials} \\
      -H "Content-Type: application/json" \\
      -d '{
        "model": "gpt-4",
        "messages": [
          {"role": "system", "content": "Be kind."},
          {"role": "user", "content": "Hello!"}
        ],
        "tools": [],
        "gen_config": {"temperature": 0.7, "max_tokens": 500}
      }'`);
    expect(answer).toMatchObject({ status: 200, contentType: "application/json" });
    expect(JSON.parse(answer.body)).toEqual({ output: "Hello", usage: { input_tokens: 3, output_tokens: 2 } });
    expect(lastCall()?.headers.authorization).toBe("Bearer sk-1");
    expect(JSON.parse(lastCall()?.body ?? "")).toMatchObject({ model: "gpt-4", temperature: 0.7 });
  });

  test("agent/run, with an image", async () => {
    const answer = await shell(`curl -X POST "$URL/agent/run" ${credentials} -H "Content-Type: application/json" -d '{
      "model": "gpt-4o",
      "messages": [
        {"role": "user", "content": "aGVsbG8=", "mime_type": "image/png", "caption": "What is this?"}
      ],
      "tools": []
    }'`);
    expect(answer.status).toBe(200);
    expect(lastCall()?.body).toContain("data:image/png;base64,aGVsbG8=");
  });

  test("agent/run_stream, as lines that hold what is new", async () => {
    const answer = await shell(`curl -N -X POST "$URL/agent/run_stream" ${credentials} \\
      -H "Content-Type: application/json" \\
      -d '{"model": "gpt-4", "messages": [{"role": "user", "content": "Count to 5"}], "tools": []}'`);
    expect(answer).toMatchObject({ status: 200, contentType: "application/x-ndjson" });
    const lines = answer.body
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as object);
    expect(lines).toMatchObject([{ output: "Hel", usage: {} }, { output: "lo", usage: {} }, { output: "" }]);
  });

  test.each(["speak", "speak_stream"])("audio/%s, into a file", async (route) => {
    const answer = await shell(`curl -X POST "$URL/audio/${route}" ${credentials} -H "Content-Type: application/json" \\
      -d '{"model": "tts-1", "text": "Hello, world!", "voice": "alloy", "output_format": "pcm", "gen_config": {"speed": 1.0}}' \\
      --output speech-${route}.pcm -D headers-${route}.txt`);
    expect(answer).toMatchObject({ status: 200, contentType: "audio/pcm" });
    expect(readFileSync(path.join(folder, `speech-${route}.pcm`))).toHaveLength(4800);
    expect(readFileSync(path.join(folder, `headers-${route}.txt`), "utf8")).toMatch(/^x-sample-rate: 24000\r$/im);
  });

  test("audio/transcribe, of a file", async () => {
    const answer = await shell(`curl -X POST "$URL/audio/transcribe" ${credentials} \\
      -F "model=whisper-1" -F "file=@audio.wav" -F "language=en" -F 'gen_config={"temperature": 0}'`);
    expect(answer.status, answer.body).toBe(200);
    expect(JSON.parse(answer.body)).toMatchObject({ text: "Hello", language: "en" });
  });

  test.each([
    ["no key", `-H "X-Provider: openai"`, /X-Api-Key/i],
    ["no provider", `-H "X-Api-Key: sk-1"`, /X-Provider/i],
    ["a provider that nobody knows", `-H "X-Api-Key: sk-1" -H "X-Provider: nobody"`, /Invalid provider/],
  ])("say 400 for %s, with a detail", async (_, headers, detail) => {
    const answer = await shell(`curl -X POST "$URL/agent/run" ${headers} -H "Content-Type: application/json" \\
      -d '{"model": "gpt-4", "messages": [{"role": "user", "content": "Hello!"}], "tools": []}'`);
    expect(answer.status).toBe(400);
    expect((JSON.parse(answer.body) as { detail: string }).detail).toMatch(detail);
  });
});
