import { existsSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { adminToken, startAccessGateway } from "../access/access-gateway.ts";
import { type FakeServer, type FakeSession, type Message, startFakeServer } from "../support/fake-sessions.ts";
import { describeWith } from "../support/foreign-tools.ts";
import { projectRoot } from "../support/gateway.ts";
import { run } from "../support/process.ts";
import { type CompatGateway, startCompatGateway } from "./compat-gateway.ts";
import { post } from "./http-call.ts";
import { connectSocket, type SocketClient } from "./socket-client.ts";

type Reply = Readonly<Record<string, unknown>>;
type Client = SocketClient<Reply>;

let gateway: CompatGateway;
let gemini: FakeServer;
/** What the fake does with what comes after the setup. */
let act: (message: Message, session: FakeSession) => void;

const environment = { LIVE_MODELS: "google/gone,google/gemini-2.0-flash-exp", TRUSTED_PROXIES: "127.0.0.1" };

async function startWithGemini(more: Readonly<Record<string, string>> = {}): Promise<CompatGateway> {
  const started = await startCompatGateway(["apc", "livellm"], [], { ...environment, ...more });
  const provider = { uid: "google", provider: "google", api_key: "AIzaSecret", base_url: gemini.url };
  await post(`${started.url}/livellm/providers/config`, provider);
  return started;
}

beforeEach(async () => {
  gemini = await startFakeServer({
    serve: (session) => (message) => {
      const { setup } = message as { setup?: { model: string } };
      if (setup?.model === "models/gone") session.close(1008, "models/gone is not found for API version v1beta");
      else if (setup) session.send({ setupComplete: {} });
      else act(message, session);
    },
  });
  gateway = await startWithGemini();
});
afterEach(async () => {
  await gateway[Symbol.asyncDispose]();
  await gemini[Symbol.asyncDispose]();
});

function textIn(message: Message): string | undefined {
  const { clientContent } = message as {
    clientContent?: { turns: { parts: { text: string }[] }[]; turnComplete: boolean };
  };
  return clientContent?.turnComplete ? clientContent.turns.at(-1)?.parts[0]?.text : undefined;
}

/** Says each text again, in two pieces. */
function echoes(message: Message, session: FakeSession): void {
  const text = textIn(message);
  if (text === undefined) return;
  for (const piece of [text.slice(0, 2), text.slice(2)]) {
    session.send({ serverContent: { modelTurn: { parts: [{ text: piece }] } } });
  }
  const usageMetadata = { promptTokenCount: 4, responseTokenCount: 2 };
  session.send({ serverContent: { turnComplete: true }, usageMetadata });
}

/** A client that is connected, with the session that Gemini has for it. */
async function connect(url = gateway.url): Promise<{ readonly client: Client; readonly session: FakeSession }> {
  act = echoes;
  const session = nextAccepted();
  const client = await connectSocket<Reply>(`${url}/api/gemini/ws`);
  await client.until(({ type }) => type === "system");
  return { client, session: await session };
}

/** The next session of a model that is there. */
async function nextAccepted(): Promise<FakeSession> {
  for (;;) {
    const session = await gemini.nextSession();
    const { setup } = (await session.seen(({ setup: given }) => given !== undefined)) as { setup: { model: string } };
    if (setup.model !== "models/gone") return session;
  }
}

const texts = (client: Client) =>
  client.replies.flatMap(({ type, text }) => (type === "response" ? [text] : [])).join("");
const saidAll = (client: Client, text: string) => client.until(() => texts(client) === text);
const setupOf = (session: FakeSession) => session.received[0]?.setup as Record<string, unknown>;

describe("the old wire", () => {
  test("begins by telling that it is connected, with the model and settings that it always had", async () => {
    const { client, session } = await connect();
    await using _ = client;
    expect(client.replies).toEqual([{ type: "system", data: "Connected to Gemini Live" }]);
    expect(setupOf(session)).toEqual({
      model: "models/gemini-2.0-flash-exp",
      generationConfig: { responseModalities: ["TEXT"], temperature: 0.7, maxOutputTokens: 1000 },
      sessionResumption: {},
    });
  });

  test.each([
    ["in an object", { type: "text", data: { text: "Hello" } }],
    ["as it is", { type: "text", data: "Hello" }],
    ["as a message", { type: "message", data: { text: "Hello" } }],
    ["beside its type, as the documents have it", { type: "text", text: "Hello" }],
  ])("takes a text %s, and answers in pieces", async (_, message) => {
    const { client } = await connect();
    await using __ = client;
    client.send(message);
    await saidAll(client, "Hello");
    expect(client.replies.slice(1)).toEqual([
      { type: "response", text: "He" },
      { type: "response", text: "llo" },
    ]);
  });

  test.each([
    ["in data", { type: "config", data: { app: "a", client_id: "c-1", device: "d" } }, "c-1"],
    ["beside its type", { type: "config", client_id: "c-2" }, "c-2"],
    ["without a client", { type: "config", data: { client_id: "" } }, "127.0.0.1"],
  ])("acknowledges a config %s", async (_, message, clientId) => {
    const { client } = await connect();
    await using __ = client;
    client.send(message);
    const replies = await client.until(({ type }) => type === "config_success");
    expect(replies.at(-1)).toEqual({
      type: "config_success",
      message: "Configuration acknowledged",
      client_id: clientId,
      ip: "127.0.0.1",
    });
  });

  const pcm = Buffer.alloc(640, 7).toString("base64");

  test.each([
    ["as text", pcm],
    ["in base64", { base64: pcm, mime_type: "audio/pcm" }],
    ["in data, with a rate in its type", { data: pcm, mimeType: "audio/pcm;rate=16000" }],
    ["in b64, by its codec", { b64: pcm, codec: "pcm16" }],
  ])("takes PCM %s", async (_, data) => {
    const { client, session } = await connect();
    await using __ = client;
    client.send({ type: "audio", data });
    const heard = await session.seen(({ realtimeInput }) => realtimeInput !== undefined);
    expect(heard).toEqual({ realtimeInput: { audio: { mimeType: "audio/pcm;rate=16000", data: pcm } } });
  });

  const notPcm = { type: "system", data: "Audio requires PCM format - WebM conversion not yet implemented" };
  const noBase64 = { type: "error", data: "Invalid audio payload: expected base64 data" };
  const notBase64 = { type: "error", data: "Invalid base64 audio payload" };

  test.each([
    ["WebM", { data: pcm, mime_type: "audio/webm;codecs=opus" }, notPcm],
    ["Opus by its codec", { data: pcm, codec: "opus" }, notPcm],
    ["no base64", { mime_type: "audio/pcm" }, noBase64],
    ["a number", 7, noBase64],
    ["what is no base64", "not base64!", notBase64],
  ])("answers audio that is %s, and goes on", async (_, data, answer) => {
    const { client } = await connect();
    await using __ = client;
    client.send({ type: "audio", data });
    client.send({ type: "text", data: "Hello" });
    await saidAll(client, "Hello");
    expect(client.replies[1]).toEqual(answer);
  });

  test("says that there is no key where there is no provider", async () => {
    await using bare = await startCompatGateway(["apc"], [], { LIVE_MODELS: "google/gemini-2.0-flash-exp" });
    const client = await connectSocket<Reply>(`${bare.url}/api/gemini/ws`);
    await using _ = client;
    await client.until(({ type }) => type === "error");
    expect(client.replies).toEqual([{ type: "error", data: "No API key configured" }]);
  });
});

describe("better than the old system", () => {
  test("messages that nobody understands are answered, or passed over, and the session goes on", async () => {
    const { client } = await connect();
    await using _ = client;
    for (const message of ["{not json", "[]", { no: "type" }, { type: "text", data: 7 }, { type: "ping" }]) {
      client.send(message);
    }
    client.send({ type: "text", data: "Hello" });
    await saidAll(client, "Hello");
    expect(client.replies.filter(({ type }) => type === "error")).toHaveLength(4);
  });

  test("a thousand messages at once are all read", async () => {
    const { client } = await connect();
    await using _ = client;
    for (let i = 0; i < 1_000; i++) client.send({ type: "nobody knows it" });
    client.send({ type: "text", data: "Hello" });
    await saidAll(client, "Hello");
    expect(client.replies.filter(({ type }) => type === "error")).toEqual([]);
  });

  test("a config says which model, voice and form of answers, and the answers are PCM at 24,000 Hz", async () => {
    const { client } = await connect();
    await using _ = client;
    act = (message, session) => {
      if (textIn(message) === undefined && !(message.realtimeInput as { text?: string } | undefined)?.text) return;
      const inlineData = { mimeType: "audio/pcm;rate=24000", data: Buffer.alloc(48, 3).toString("base64") };
      session.send({ serverContent: { modelTurn: { parts: [{ inlineData }] } } });
      session.send({ serverContent: { turnComplete: true } });
    };
    const opened = nextAccepted();
    const data = {
      model: "gemini-2.5-flash-native-audio-latest",
      voice: "Puck",
      system_instruction: "Be kind.",
      response_modalities: ["AUDIO"],
      temperature: 0.1,
      max_tokens: 50,
    };
    client.send({ type: "config", data });
    await client.until(({ type }) => type === "config_success");
    expect(setupOf(await opened)).toMatchObject({
      model: "models/gemini-2.5-flash-native-audio-latest",
      systemInstruction: { parts: [{ text: "Be kind." }] },
      generationConfig: {
        responseModalities: ["AUDIO"],
        temperature: 0.1,
        maxOutputTokens: 50,
        speechConfig: { voiceConfig: { prebuiltVoiceConfig: { voiceName: "Puck" } } },
      },
    });
    client.send({ type: "text", data: "Hello" });
    await client.until(({ type }) => type === "audio");
    expect(client.replies.at(-1)).toEqual({
      type: "audio",
      data: Buffer.alloc(48, 3).toString("base64"),
      format: "pcm16",
      sampleRate: 24_000,
    });
    expect(client.replies.filter(({ type }) => type === "system")).toHaveLength(1);
  });

  test("audio of another rate is converted", async () => {
    const { client } = await connect();
    await using _ = client;
    const opened = nextAccepted();
    client.send({
      type: "audio",
      data: { data: Buffer.alloc(48_000).toString("base64"), mime_type: "audio/pcm;rate=48000" },
    });
    const heard = await (await opened).seen(({ realtimeInput }) => realtimeInput !== undefined);
    const { data } = (heard.realtimeInput as { audio: { data: string } }).audio;
    expect(Buffer.from(data, "base64").length).toBeGreaterThan(15_000);
    expect(Buffer.from(data, "base64").length).toBeLessThanOrEqual(16_000);
  });

  test("a session is told of turns, transcripts and interruptions where its config asks for events", async () => {
    const { client } = await connect();
    await using _ = client;
    act = (message, session) => {
      if (textIn(message) === undefined) return;
      session.send({ serverContent: { inputTranscription: { text: "Hi." } } });
      session.send({ serverContent: { modelTurn: { parts: [{ text: "He" }] } } });
      session.send({ serverContent: { interrupted: true } });
      session.send({ serverContent: { turnComplete: true }, usageMetadata: { promptTokenCount: 4 } });
    };
    client.send({ type: "config", data: { events: true } });
    client.send({ type: "text", data: "Hello" });
    await client.until(({ type }) => type === "turn_complete");
    expect(client.replies.slice(2)).toEqual([
      { type: "input_transcript", text: "Hi." },
      { type: "response", text: "He" },
      { type: "interrupted" },
      { type: "turn_complete", finish_reason: "stop", usage: { prompt_tokens: 4, completion_tokens: 0 } },
    ]);
  });

  test("what was said before is known after a config", async () => {
    const { client } = await connect();
    await using _ = client;
    client.send({ type: "text", data: "I am Ann." });
    await saidAll(client, "I am Ann.");
    const opened = nextAccepted();
    client.send({ type: "config", data: { system_instruction: "Be kind." } });
    const session = await opened;
    const told = await session.seen(({ clientContent }) => clientContent !== undefined);
    expect(told).toMatchObject({
      clientContent: {
        turns: [{ role: "user", parts: [{ text: "I am Ann." }] }, { role: "model" }],
        turnComplete: false,
      },
    });
  });

  test("a client that says nothing for long stays connected, and is known when it goes on", async () => {
    await using impatient = await startWithGemini({ IDLE_TIMEOUT_MS: "150" });
    const { client, session } = await connect(impatient.url);
    await using _ = client;
    client.send({ type: "text", data: "I am Ann." });
    await saidAll(client, "I am Ann.");
    expect(await session.closed).toEqual({ code: 1000 });
    const opened = nextAccepted();
    client.send({ type: "text", data: "Bye" });
    await saidAll(client, "I am Ann.Bye");
    expect(await (await opened).seen(({ clientContent }) => clientContent !== undefined)).toMatchObject({
      clientContent: { turns: [{ parts: [{ text: "I am Ann." }] }, { role: "model" }], turnComplete: false },
    });
    expect(client.replies.filter(({ type }) => type !== "response")).toEqual([
      { type: "system", data: "Connected to Gemini Live" },
    ]);
  });

  test("a client that goes takes Gemini's session with it", async () => {
    const { client, session } = await connect();
    act = () => undefined;
    client.send({ type: "text", data: "Hello" });
    await session.seen((message) => textIn(message) !== undefined);
    client.socket.terminate();
    expect(await session.closed).toEqual({ code: 1006 });
  });

  test("a session that breaks off says so, and is closed", async () => {
    const { client } = await connect();
    await using _ = client;
    act = (message, session) => {
      if (textIn(message) === undefined) return;
      session.send({ serverContent: { modelTurn: { parts: [{ text: "He" }] } } });
      session.cut();
    };
    client.send({ type: "text", data: "Hello" });
    await client.until(({ type }) => type === "error");
    expect(client.replies.at(-1)).toMatchObject({ data: expect.stringContaining("closed the WebSocket") });
    expect(JSON.stringify(client.replies)).not.toContain("AIzaSecret");
  });

  test("the address of the client is what a trusted proxy says", async () => {
    const { WebSocket } = await import("ws");
    const socket = new WebSocket(`${gateway.url.replace("http", "ws")}/api/gemini/ws`, {
      headers: { "x-forwarded-for": "203.0.113.9" },
    });
    const config = new Promise<Reply>((resolve) => {
      socket.on("message", (data) => {
        const reply = JSON.parse(String(data)) as Reply;
        if (reply.type === "system") socket.send(JSON.stringify({ type: "config" }));
        if (reply.type === "config_success") resolve(reply);
      });
    });
    expect(await config).toMatchObject({ client_id: "203.0.113.9", ip: "203.0.113.9" });
    socket.terminate();
  });

  test("nothing that is said, and no key, is in a log; a token may stand in the address", async () => {
    const environment = { LIVELLM_SURFACES: "apc", LIVELLM_APC_LIVE_MODELS: "google/gemini-2.0-flash-exp" };
    await using product = await startAccessGateway({ ...environment, LIVELLM_ADMIN_TOKEN: adminToken });
    const provider = { id: "google", kind: "google", apiKey: "AIzaSecret", baseUrl: gemini.url };
    await product.call("ProvidersService/CreateProvider", { provider });
    act = echoes;
    const client = await connectSocket<Reply>(`${product.url.replace("//", `//any:${adminToken}@`)}/api/gemini/ws`);
    await using _ = client;
    client.send({ type: "config", data: { app: "demo", client_id: "c-1" } });
    client.send({ type: "text", data: "a secret of mine" });
    client.send({ type: "audio", data: "a secret that is no base64!" });
    await saidAll(client, "a secret of mine");
    client.socket.close();
    await expect.poll(() => product.log()).toContain('"clientId":"c-1"');
    expect(product.log()).not.toMatch(/secret|AIza/i);
  });

  test("who may not call is refused at the handshake", async () => {
    await using closed = await startCompatGateway(["apc"], [], {}, "admin-token-0123456789");
    await expect(connectSocket(`${closed.url}/api/gemini/ws`)).rejects.toThrow("401");
  });
});

const program = path.join(projectRoot, ".venv-livellm-1.8.0/bin/python");
const websockets = { program, missing: existsSync(program) ? undefined : "run test/compat/make-venvs.sh" };

describeWith(websockets, "the Python package websockets", () => {
  test("drives a session of text and audio", async () => {
    act = (message, session) => {
      echoes(message, session);
      const { realtimeInput } = message as { realtimeInput?: { audio?: object } };
      if (realtimeInput?.audio) session.send({ serverContent: { modelTurn: { parts: [{ text: "I hear you" }] } } });
    };
    const url = `${gateway.url.replace("http", "ws")}/api/gemini/ws`;
    const args = [path.join(projectRoot, "test/compat/gemini_live_client.py"), url];
    const { code, stdout, stderr } = await run(program, args, { timeoutMs: 60_000 });
    expect(code, stderr).toBe(0);
    expect(
      stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as Reply),
    ).toEqual([
      { type: "system", data: "Connected to Gemini Live" },
      { type: "config_success", message: "Configuration acknowledged", client_id: "python-1", ip: "127.0.0.1" },
      { type: "response", text: "He" },
      { type: "response", text: "llo Gemini" },
      { type: "system", data: "Audio requires PCM format - WebM conversion not yet implemented" },
      { type: "response", text: "I hear you" },
    ]);
  });
});
