import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { echoRequest } from "../support/echo-request.ts";
import { faces } from "../support/faces.ts";
import { type Gateway, runGateway, startGateway, temporaryFolder } from "../support/gateway.ts";
import { createGrpcClient, type LoadedMessage } from "../support/grpc-client.ts";
import { callJson } from "../support/json-call.ts";
import { startVendor, type VendorServer } from "../support/vendor-server.ts";

type JsonRecord = Readonly<Record<string, unknown>>;

const anyTime = AbortSignal.timeout(60_000);
const kept = (day: string) => `conversations.${day}.00000000.1.jsonl`;
const longAgo = new Date(Date.now() - 3 * 86_400_000).toISOString().slice(0, 10);
const recently = new Date(Date.now() - 86_400_000).toISOString().slice(0, 10);

describe("where it is switched on", () => {
  const folder = temporaryFolder();
  let gateway: Gateway;
  let vendor: VendorServer;
  let records: readonly JsonRecord[];

  beforeAll(async () => {
    vendor = await startVendor();
    for (const day of [longAgo, recently]) writeFileSync(path.join(folder, kept(day)), "{}\n");
    writeFileSync(path.join(folder, "another-file.jsonl"), "{}\n");
    const env = { LIVELLM_CONVERSATION_LOG: folder, LIVELLM_CONVERSATION_LOG_DAYS: "2" };
    gateway = await startGateway({ env });
    await speakWithIt(gateway.url, vendor);
    await gateway.stop(); // what waits is written at the end
    records = filesIn(folder).flatMap(({ name, text }) =>
      name.includes(recently) || name === "another-file.jsonl" ? [] : text.trimEnd().split("\n").map(parsed),
    );
  });

  afterAll(async () => {
    await vendor[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  const of = (requestId: string) => records.filter((record) => record.requestId === requestId);

  test("a run is written down with who called, what came and went, and who answered", () => {
    expect(of("whole")).toEqual([
      {
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
        ms: expect.any(Number),
        rpc: "livellm.v1.AgentService/Run",
        code: "ok",
        requestId: "whole",
        conversationId: "session-7",
        face: "json",
        app: "till",
        userId: "user-3",
        clientId: "client-9",
        labels: { shop: "12" },
        route: {
          provider: "local",
          kind: "local",
          model: "echo",
          attempts: [{ provider: "local", model: "echo", outcome: "answered", ms: expect.any(Number) }],
        },
        messages: [
          { direction: "in", role: "system", parts: [{ type: "text", content: "be brief" }] },
          { direction: "in", role: "user", parts: [{ type: "blob", mime_type: "image/png" }] },
          { direction: "in", role: "user", parts: [{ type: "text", content: "good morning" }] },
          { direction: "out", role: "assistant", parts: [{ type: "text", content: "good morning" }] },
        ],
      },
    ]);
  });

  test.each(faces)("a stream over $name is written down once, whole", ({ name }) => {
    expect(of(`stream ${name}`)).toMatchObject([
      { code: "ok", messages: [{ direction: "in" }, { direction: "out", parts: [{ content: "one two three" }] }] },
    ]);
  });

  test("a stream that breaks is written down as far as it came", () => {
    expect(of("broken")).toMatchObject([
      {
        code: "unavailable",
        reason: expect.any(String),
        route: { attempts: [{ provider: "local", model: "echo", outcome: "failed", reason: "provider_unavailable" }] },
        messages: [{ direction: "in" }, { direction: "out", role: "assistant", parts: [{ content: /^one/ }] }],
      },
    ]);
  });

  test("speech and transcripts are written down without audio", () => {
    expect(of("spoken")).toMatchObject([
      { messages: [{ direction: "in", role: "speech", parts: [{ type: "text", content: "read this" }] }] },
    ]);
    expect(of("heard")).toMatchObject([
      {
        messages: [
          { direction: "in", parts: [{ type: "blob", mime_type: "audio/pcm" }] },
          { direction: "out", role: "transcript", parts: [{ content: "what was heard" }] },
        ],
      },
    ]);
  });

  test("a live conversation is written down when it has ended", () => {
    const [record] = records.filter(({ rpc }) => rpc === "livellm.v1.LiveService/Converse");
    expect(record).toMatchObject({ code: "ok", conversationId: "live-1", sessionId: expect.stringMatching(/\S/) });
    expect(JSON.stringify(record?.messages)).toContain("hello out there");
  });

  test("what looks like a secret is not, nor is the audio, nor a call that was refused", () => {
    const all = filesIn(folder)
      .map(({ text }) => text)
      .join("");
    expect(of("secret")).toHaveLength(1);
    expect(all).toContain("my key is [redacted]");
    expect(all).not.toContain("sk-live-0123456789abcdefghij");
    expect(all).not.toContain("sk-inline-0123456789abcdef");
    expect(all).not.toContain(audio);
    expect(of("refused")).toEqual([]);
  });

  test("only the server's user may read it, and it is gone after its days", () => {
    const names = readdirSync(folder);
    expect(names).toContain(kept(recently));
    expect(names).toContain("another-file.jsonl");
    expect(names).not.toContain(kept(longAgo));
    const written = names.filter(
      (name) => name.includes(new Date().toISOString().slice(0, 7)) && name !== kept(recently),
    );
    for (const name of written) expect(statSync(path.join(folder, name)).mode & 0o777).toBe(0o600);
  });
});

test("where it is not switched on, nothing of what is said is in any file", async () => {
  const folder = temporaryFolder();
  await using vendor = await startVendor();
  const gateway = await startGateway({ folder, env: { LOG_LEVEL: "trace" } });
  await speakWithIt(gateway.url, vendor);
  await gateway.stop();
  const all =
    filesIn(folder)
      .map(({ name, text }) => name + text)
      .join("") + gateway.output();
  expect(all).toContain("listening");
  for (const word of ["good morning", "be brief", "read this", "what was heard", "hello out there", "conversations."]) {
    expect(all).not.toContain(word);
  }
  rmSync(folder, { recursive: true, force: true });
});

test("a folder that cannot be used ends the server at its start, and says why", async () => {
  const { code, stdout } = await runGateway({ LIVELLM_CONVERSATION_LOG: "/dev/null/conversations" });
  expect(code).toBe(1);
  expect(stdout).toContain("LIVELLM_CONVERSATION_LOG: it cannot be kept in /dev/null/conversations");
});

const audio = Buffer.from("canary-audio".repeat(100)).toString("base64");

/** A call of each kind. */
async function speakWithIt(url: string, vendor: VendorServer): Promise<void> {
  const inlineProvider = {
    kind: "openai-compatible",
    baseUrl: `${vendor.url}/v1`,
    apiKey: "sk-inline-0123456789abcdef",
  };
  const route = { targets: [{ inlineProvider, model: "m-1", voice: "v" }] };
  const echo = (text: string, options?: object) => echoRequest(text, options);
  await callJson(url, "AgentService/Run", {
    ...echo("good morning"),
    messages: [{ parts: [{ media: { data: audio, mimeType: "image/png" } }] }, { text: "good morning" }],
    config: { instructions: "be brief" },
    caller: {
      requestId: "whole",
      sessionId: "session-7",
      userId: "user-3",
      app: "till",
      clientId: "client-9",
      labels: { shop: "12" },
    },
  });
  for (const face of faces) {
    await face.runStream(url, { ...echo("one two three"), caller: { requestId: `stream ${face.name}` } }, anyTime);
  }
  const breaking = echo("one two three", { fail_after: "provider_unavailable", after_words: 1 });
  await faces[0]?.runStream(url, { ...breaking, caller: { requestId: "broken" } }, anyTime);
  await callJson(url, "AgentService/Run", {
    ...echo("my key is sk-live-0123456789abcdefghij"),
    caller: { requestId: "secret", labels: { type: "sk-live-0123456789abcdefghij" } },
  });
  await callJson(url, "AgentService/Run", { messages: [{ text: "no route" }], caller: { requestId: "refused" } });
  vendor.answerWith({ headers: { "content-type": "audio/wav" }, body: [Buffer.from(audio, "base64")] });
  await callJson(url, "AudioService/Speak", { route, text: "read this", caller: { requestId: "spoken" } });
  vendor.answerWith({ headers: { "content-type": "application/json" }, body: ['{"text":"what was heard"}'] });
  const recording = { data: audio, mimeType: "audio/pcm" };
  const format = { mimeType: "audio/pcm", sampleRateHertz: 16_000 };
  await callJson(url, "AudioService/Transcribe", { route, audio: recording, format, caller: { requestId: "heard" } });
  using client = createGrpcClient(url);
  const session = client.duplex("LiveService/Converse");
  const caller = { sessionId: "live-1" };
  session.write({ start: { route: { targets: [{ provider: "local", model: "echo" }] }, caller } });
  session.write({ text: { text: "hello out there" } });
  session.end();
  await Array.fromAsync(session as AsyncIterable<LoadedMessage>);
}

function parsed(line: string): JsonRecord {
  return JSON.parse(line) as JsonRecord;
}

function filesIn(folder: string): readonly { readonly name: string; readonly text: string }[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => ({ name, text: readFileSync(path.join(parentPath, name), "latin1") }));
}
