import { GoogleGenAI, Modality } from "@google/genai";
import { describe, expect, test } from "vitest";
import { LivellmError } from "../../../src/core/error.ts";
import type { ConversationEvent } from "../../../src/core/live.ts";
import { google } from "../../../src/providers/google/index.ts";
import {
  type Conversing,
  converseAt,
  forEver,
  spoken,
  typesOf,
  until,
  wordsOf,
  written,
} from "../../support/conversing.ts";
import {
  type FakeServer,
  type FakeSession,
  type Message,
  sendAll,
  startFakeServer,
} from "../../support/fake-sessions.ts";

const textModel = "gemini-2.0-flash-exp";
const pcm16k = { mimeType: "audio/pcm", sampleRateHertz: 16_000, channelCount: 1 };
const pcm24k = { mimeType: "audio/pcm", sampleRateHertz: 24_000, channelCount: 1 };

type Act = (message: Message, session: FakeSession) => void;

/** A server in the shape of the Live API's: takes the setup, and does what a test says with all else. */
async function startFakeGemini(act: Act = () => undefined): Promise<FakeServer> {
  return await startFakeServer({
    serve: (session) => (message) => {
      if (message.setup) session.send({ setupComplete: { sessionId: "session-1" } });
      else act(message, session);
    },
  });
}

function textIn(message: Message): string | undefined {
  const { clientContent, realtimeInput } = message as {
    clientContent?: { turns?: { parts: { text: string }[] }[]; turnComplete?: boolean };
    realtimeInput?: { text?: string };
  };
  return clientContent?.turnComplete ? clientContent.turns?.at(-1)?.parts[0]?.text : realtimeInput?.text;
}

const says = (text: string) => ({ serverContent: { modelTurn: { parts: [{ text }] } } });
const generated = { serverContent: { generationComplete: true } };
const over = { serverContent: { turnComplete: true }, usageMetadata: { promptTokenCount: 5, responseTokenCount: 3 } };
const resumable = (newHandle: string) => ({ sessionResumptionUpdate: { newHandle, resumable: true } });
const busy = { sessionResumptionUpdate: { resumable: false } };

/** Says each text again. */
const echoes: Act = (message, session) => {
  const text = textIn(message);
  if (text === undefined) return;
  for (const answer of [says(text), generated, over]) session.send(answer);
};

const talk = (server: FakeServer, call: Conversing) =>
  converseAt(google, server.url, { ...call, request: { model: textModel, ...call.request } });

/** Resolves when the conversation has gone on to a second socket. */
async function twoSessions(server: FakeServer): Promise<void> {
  await server.nextSession();
  await server.nextSession();
}

const setupOf = (server: FakeServer, index = 0) => server.sessions[index]?.received[0]?.setup as Message;

describe("a written conversation", () => {
  test("from setup to the end", async () => {
    await using server = await startFakeGemini(echoes);
    const first = until("answer-finished");
    const { events, error } = await talk(server, { steps: [written("Hello"), first, written("Bye")], see: first.see });
    expect(error).toBeUndefined();
    const usage = expect.objectContaining({ inputTokens: 5, outputTokens: 3 });
    const answer = (text: string) => [
      { type: "text", text },
      { type: "answer-generated" },
      { type: "answer-finished", finishReason: "stop", providerFinishReason: "TURN_COMPLETE", usage },
    ];
    expect(events).toEqual([
      { type: "accepted", model: textModel, requestId: "session-1", warnings: [] },
      ...answer("Hello"),
      ...answer("Bye"),
      { type: "finished", usage: {} },
    ]);
    const [session] = server.sessions;
    expect(session?.headers["x-goog-api-key"]).toBe("live-secret-key");
    expect(session?.url.href).not.toContain("AIza");
    expect(session?.received.slice(1)).toEqual([
      { clientContent: { turns: [{ role: "user", parts: [{ text: "Hello" }] }], turnComplete: true } },
      { clientContent: { turns: [{ role: "user", parts: [{ text: "Bye" }] }], turnComplete: true } },
    ]);
    expect(await session?.closed).toEqual({ code: 1000 });
  });

  test("is set up as Google's own client does it", async () => {
    await using server = await startFakeGemini();
    const tools = [{ functionDeclarations: [{ name: "look_up", parametersJsonSchema: { type: "object" } }] }];
    const generation = { temperature: 0.7, maxOutputTokens: 1000, stopSequences: [], outputModalities: [] };
    const tool = { type: "function", name: "look_up", inputSchemaJson: '{"type":"object"}' } as const;
    await talk(server, { steps: [], request: { instructions: "Be kind.", generation, tools: [tool] } });
    const ai = new GoogleGenAI({
      apiKey: "live-secret-key",
      httpOptions: { baseUrl: server.url, apiVersion: "v1beta" },
    });
    const session = server.nextSession().then(() => server.nextSession());
    const client = await ai.live.connect({
      model: textModel,
      config: {
        responseModalities: [Modality.TEXT],
        temperature: 0.7,
        maxOutputTokens: 1000,
        systemInstruction: { parts: [{ text: "Be kind." }] },
        tools,
        sessionResumption: {},
      },
      callbacks: { onmessage: () => undefined },
    });
    const theirs = (await session).received[0]?.setup as Record<string, unknown>;
    client.close();
    expect(setupOf(server)).toEqual(theirs);
  });

  test("with what was said before, as models of each generation take it", async () => {
    await using server = await startFakeGemini(echoes);
    const messages = [
      { role: "user", parts: [{ type: "text", text: "I am Ann." }] },
      { role: "assistant", parts: [{ type: "text", text: "Hello Ann." }] },
    ] as const;
    const turns = [
      { role: "user", parts: [{ text: "I am Ann." }] },
      { role: "model", parts: [{ text: "Hello Ann." }] },
    ];
    await talk(server, { steps: [written("Who am I?")], request: { messages } });
    await talk(server, { steps: [written("Who am I?")], request: { messages, model: "gemini-3.1-flash-live" } });
    const [older, newer] = server.sessions;
    expect(older?.received[1]).toEqual({ clientContent: { turns, turnComplete: false } });
    expect(setupOf(server)).not.toHaveProperty("historyConfig");
    expect(setupOf(server, 1)).toMatchObject({ historyConfig: { initialHistoryInClientContent: true } });
    expect(newer?.received[1]).toEqual({ clientContent: { turns, turnComplete: true } });
    expect(newer?.received[2]).toEqual({ realtimeInput: { text: "Who am I?" } });
  });

  test("with a model that only speaks is what it says, written down", async () => {
    await using server = await startFakeGemini((message, session) => {
      if (textIn(message) === undefined) return;
      session.send({
        serverContent: { modelTurn: { parts: [{ inlineData: { mimeType: "audio/pcm;rate=24000", data: "AAAA" } }] } },
      });
      session.send({ serverContent: { outputTranscription: { text: "Hel" } } });
      session.send({ serverContent: { outputTranscription: { text: "lo." } } });
      session.send(over);
    });
    const model = "gemini-2.5-flash-native-audio-latest";
    const { events } = await talk(server, { steps: [written("Hi")], request: { model } });
    expect(setupOf(server)).toMatchObject({
      generationConfig: { responseModalities: ["AUDIO"] },
      outputAudioTranscription: {},
    });
    expect(wordsOf(events)).toBe("Hello.");
    expect(typesOf(events)).not.toContain("audio");
    expect(events[0]).toMatchObject({ warnings: [{ code: "output-transcribed" }] });
  });

  test("lets a text wait for the end of an answer that may not be cut off", async () => {
    const open = Promise.withResolvers<void>();
    await using server = await startFakeGemini((message, session) => {
      const text = textIn(message);
      if (text === undefined) return;
      session.send(says(text));
      if (text === "one") open.promise.then(() => session.send(over));
      else session.send(over);
    });
    const begun = until("text");
    const { events } = await talk(server, {
      steps: [written("one"), begun, written("two"), async () => open.resolve()],
      request: { bargeIn: false },
      see: begun.see,
    });
    expect(typesOf(events).filter((type) => type !== "accepted")).toEqual([
      "text",
      "answer-finished",
      "text",
      "answer-finished",
      "finished",
    ]);
  });
});

describe("a spoken conversation", () => {
  test("has audio and words of both sides, and who spoke when", async () => {
    const audio = Buffer.from([1, 2, 3, 4]);
    await using server = await startFakeGemini((message, session) => {
      if (!(message.realtimeInput as Message | undefined)?.audioStreamEnd) return;
      session.send({ voiceActivity: { type: "ACTIVITY_START" } });
      session.send({ voiceActivity: { type: "ACTIVITY_END", audioOffset: "1.5s" } });
      session.send({ serverContent: { inputTranscription: { text: "What time is it?" } } });
      session.send({ serverContent: { modelTurn: { parts: [{ thought: true, text: "Hm" }] } } });
      const inlineData = { mimeType: "audio/pcm;rate=24000", data: audio.toString("base64") };
      session.send({
        serverContent: { modelTurn: { parts: [{ inlineData }] }, outputTranscription: { text: "Noon." } },
      });
      session.send(over);
    });
    const hints = { languageCode: "en", prompt: "", phrases: ["noon"], wordTimings: false, speakerLabels: false };
    const { events } = await talk(server, {
      steps: [spoken(Buffer.alloc(640, 1)), spoken(Buffer.alloc(640, 2))],
      request: {
        inputFormat: pcm16k,
        outputFormat: pcm24k,
        voice: "puck",
        inputTranscription: hints,
        turnDetection: { mode: "silence", silenceMs: 300 },
      },
    });
    expect(setupOf(server)).toMatchObject({
      generationConfig: {
        responseModalities: ["AUDIO"],
        speechConfig: { voiceConfig: { prebuiltVoiceConfig: { voiceName: "Puck" } } },
      },
      realtimeInputConfig: { automaticActivityDetection: { silenceDurationMs: 300 } },
      inputAudioTranscription: { languageCodes: ["en"], customVocabulary: ["noon"] },
      outputAudioTranscription: {},
    });
    const mimeType = "audio/pcm;rate=16000";
    expect(server.sessions[0]?.received.slice(1)).toEqual([
      { realtimeInput: { audio: { mimeType, data: Buffer.alloc(640, 1).toString("base64") } } },
      { realtimeInput: { audio: { mimeType, data: Buffer.alloc(640, 2).toString("base64") } } },
      { realtimeInput: { audioStreamEnd: true } },
    ]);
    expect(events.slice(1)).toEqual([
      { type: "speech-started", offsetMs: 0 },
      { type: "speech-ended", offsetMs: 1500 },
      { type: "input-transcript", text: "What time is it?" },
      { type: "audio", data: audio },
      { type: "output-transcript", text: "Noon." },
      expect.objectContaining({ type: "answer-finished" }),
      { type: "finished", usage: {} },
    ]);
  });

  test("marks turns where the caller ends them", async () => {
    await using server = await startFakeGemini((message, session) => {
      if ((message.realtimeInput as Message | undefined)?.activityEnd)
        for (const answer of [says("Yes."), over]) session.send(answer);
    });
    const first = until("answer-finished");
    const { events } = await talk(server, {
      steps: [spoken(Buffer.alloc(640)), { type: "end-turn" }, first, spoken(Buffer.alloc(640))],
      request: { inputFormat: pcm16k, turnDetection: { mode: "manual" } },
      see: first.see,
    });
    const names = server.sessions[0]?.received
      .slice(1)
      .map(({ realtimeInput }) => Object.keys(realtimeInput as object)[0]);
    expect(names).toEqual(["activityStart", "audio", "activityEnd", "activityStart", "audio", "activityEnd"]);
    expect(typesOf(events).filter((type) => type === "answer-finished")).toHaveLength(2);
  });

  test("that nobody answers ends when the server has been silent", async () => {
    await using server = await startFakeGemini();
    const { events, error } = await talk(server, {
      steps: [spoken(Buffer.alloc(640))],
      request: { inputFormat: pcm16k },
    });
    expect(error).toBeUndefined();
    expect(typesOf(events)).toEqual(["accepted", "finished"]);
  });

  test("knows no voice but Google's", async () => {
    await using server = await startFakeGemini();
    const { error } = await talk(server, { steps: [], request: { outputFormat: pcm24k, voice: "alloy" } });
    expect(error).toMatchObject({ reason: "provider_rejected" });
    expect(server.sessions).toHaveLength(0);
  });
});

describe("an answer is cut off", () => {
  test("by the server, when the user speaks into it", async () => {
    await using server = await startFakeGemini((message, session) => {
      if (textIn(message) !== "Tell me a story") return;
      session.send(says("Once upon"));
      session.send({ serverContent: { interrupted: true } });
      session.send(over);
    });
    const { events } = await talk(server, { steps: [written("Tell me a story")] });
    expect(events.slice(1)).toMatchObject([
      { type: "text" },
      { type: "interrupted" },
      { type: "answer-finished", finishReason: "other" },
      { type: "finished" },
    ]);
  });

  test("by the caller at once, and what still comes of it is not heard", async () => {
    const stopped = Promise.withResolvers<void>();
    await using server = await startFakeGemini((message, session) => {
      if (textIn(message) === "one") {
        session.send(says("Once upon"));
        stopped.promise.then(() =>
          sendAll(session, says(" a time"), over, { voiceActivity: { type: "ACTIVITY_START" } }),
        );
      } else echoes(message, session);
    });
    const begun = until("text");
    const ended = until("answer-finished");
    const heardAll = until("speech-started");
    const { events } = await talk(server, {
      steps: [
        written("one"),
        begun,
        { type: "interrupt" },
        ended,
        async () => stopped.resolve(),
        heardAll,
        written("two"),
      ],
      see: (event) => {
        for (const { see } of [begun, ended, heardAll]) see(event);
      },
    });
    expect(events.slice(1, 4)).toMatchObject([
      { text: "Once upon" },
      { type: "interrupted" },
      { finishReason: "other" },
    ]);
    expect(wordsOf(events)).toBe("Once upontwo");
  });
});

describe("tools", () => {
  const calls = [
    { id: "c1", name: "weather", args: { city: "Bern" } },
    { id: "c2", name: "time", args: {} },
  ];

  test("are called by the model, which goes on with the results", async () => {
    await using server = await startFakeGemini((message, session) => {
      if (textIn(message)) session.send({ toolCall: { functionCalls: calls } });
      const { functionResponses } = (message.toolResponse ?? {}) as { functionResponses?: readonly Message[] };
      if (functionResponses?.[0]?.id !== "c2") return;
      for (const answer of [says("It rains."), over]) session.send(answer);
    });
    const called = until("tool-call", 2);
    const result = (toolCallId: string, text: string) =>
      ({
        type: "tool-result",
        result: { type: "tool-result", toolCallId, name: "", text, media: [], failed: false },
      }) as const;
    const { events } = await talk(server, {
      steps: [written("How is it?"), called, result("c1", "rain"), result("c2", "noon")],
      see: called.see,
    });
    expect(events.filter((event) => event.type === "tool-call").map(({ call }) => call)).toEqual([
      { type: "tool-call", id: "c1", name: "weather", argumentsJson: '{"city":"Bern"}', executor: "client" },
      { type: "tool-call", id: "c2", name: "time", argumentsJson: "{}", executor: "client" },
    ]);
    expect(server.sessions[0]?.received.slice(2)).toEqual([
      { toolResponse: { functionResponses: [{ id: "c1", name: "weather", response: { output: "rain" } }] } },
      { toolResponse: { functionResponses: [{ id: "c2", name: "time", response: { output: "noon" } }] } },
    ]);
    expect(wordsOf(events)).toBe("It rains.");
  });

  test("whose results are not wanted any more are told", async () => {
    await using server = await startFakeGemini((message, session) => {
      if (!textIn(message)) return;
      session.send({ toolCall: { functionCalls: calls } });
      session.send({ toolCallCancellation: { ids: ["c1", "c2"] } });
      session.send(over);
    });
    const cancelled = until("tool-calls-cancelled");
    const { events } = await talk(server, { steps: [written("How is it?"), cancelled], see: cancelled.see });
    expect(events.find(({ type }) => type === "tool-calls-cancelled")).toMatchObject({ ids: ["c1", "c2"] });
    expect(events.at(-1)?.type).toBe("finished");
  });
});

describe("a server that lets go of the socket", () => {
  const goAway = { goAway: { timeLeft: "10s" } };

  test("is followed to the next one, unseen, and nothing is lost", async () => {
    await using server = await startFakeGemini((message, session) => {
      echoes(message, session);
      if (textIn(message) !== "one") return;
      session.send(resumable("handle-1"));
      session.send(goAway);
    });
    const moved = () => twoSessions(server);
    const { events, error } = await talk(server, { steps: [written("one"), moved, written("two")] });
    expect(error).toBeUndefined();
    expect(wordsOf(events)).toBe("onetwo");
    expect(typesOf(events).filter((type) => type === "accepted")).toHaveLength(1);
    expect(setupOf(server)).toMatchObject({ sessionResumption: {} });
    expect(setupOf(server, 1)).toEqual({ ...setupOf(server), sessionResumption: { handle: "handle-1" } });
    expect(server.sessions[1]?.received.slice(1)).toHaveLength(1);
  });

  test("is not left in the middle of an answer", async () => {
    const said = Promise.withResolvers<void>();
    await using server = await startFakeGemini((message, session) => {
      if (textIn(message) !== "one") return echoes(message, session);
      for (const one of [resumable("h0"), busy, says("On"), goAway]) session.send(one);
      said.promise.then(() => sendAll(session, says("ce"), over, resumable("h1")));
    });
    const begun = until("text");
    const moved = () => twoSessions(server);
    const { events } = await talk(server, {
      steps: [written("one"), begun, async () => said.resolve(), moved, written("two")],
      see: begun.see,
    });
    expect(wordsOf(events)).toBe("Oncetwo");
    expect(setupOf(server, 1)).toMatchObject({ sessionResumption: { handle: "h1" } });
  });

  test("and gives no other is told of", async () => {
    await using server = await startFakeGemini((message, session) => {
      echoes(message, session);
      session.send(goAway);
    });
    const ending = until("ending");
    const { events } = await talk(server, { steps: [written("one"), ending], see: ending.see });
    expect(events.find(({ type }) => type === "ending")).toEqual({ type: "ending", timeLeftMs: 10_000 });
  });

  test.each([
    ["by closing it", (session: FakeSession) => session.close(1011, "internal")],
    ["by cutting it", (session: FakeSession) => session.cut()],
  ])("between answers, %s, is followed as well", async (_, leave) => {
    await using server = await startFakeGemini((message, session) => {
      echoes(message, session);
      if (textIn(message) !== "one") return;
      session.send(resumable("h1"));
      setImmediate(() => leave(session));
    });
    const moved = () => twoSessions(server);
    const { events } = await talk(server, { steps: [written("one"), moved, written("two")] });
    expect(wordsOf(events)).toBe("onetwo");
  });

  test("in the middle of an answer has broken it, handle or not", async () => {
    await using server = await startFakeGemini((message, session) => {
      if (!textIn(message)) return;
      for (const one of [resumable("h1"), says("On")]) session.send(one);
      setImmediate(() => session.cut());
    });
    const { events, error } = await talk(server, { steps: [written("one"), forEver] });
    expect(typesOf(events)).toEqual(["accepted", "text"]);
    expect(error).toMatchObject({ code: "unavailable", reason: "stream_broken" });
    expect(server.sessions).toHaveLength(1);
  });
});

describe("what the server says of its failures", () => {
  test("in place of the setup's completion is why it was not accepted", async () => {
    await using server = await startFakeServer({
      serve: (session) => () => session.close(1007, "models/x is not found for API version v1beta"),
    });
    const { events, error } = await talk(server, { steps: [] });
    expect(events).toEqual([]);
    expect(error).toMatchObject({ code: "not_found" });
  });

  test("in the middle is thrown", async () => {
    await using server = await startFakeGemini((_, session) =>
      session.send({ error: { code: 429, message: "Quota exceeded", status: "RESOURCE_EXHAUSTED" } }),
    );
    const { error } = await talk(server, { steps: [written("x"), forEver] });
    expect(error).toMatchObject({ code: "resource_exhausted" });
  });
});

describe("cancel closes the vendor's socket", () => {
  const gone = new LivellmError("canceled", "cancelled", "gone");

  test.each<[string, Act | undefined, ConversationEvent["type"] | "nothing"]>([
    ["before the setup is complete", undefined, "nothing"],
    ["between answers", () => undefined, "accepted"],
    ["in the middle of an answer", (_, session) => session.send(says("On")), "text"],
  ])("%s", async (_, act, last) => {
    const controller = new AbortController();
    await using server = act ? await startFakeGemini(act) : await startFakeServer({ serve: () => () => undefined });
    if (last === "nothing") server.nextSession().then(() => controller.abort(gone));
    const see = (event: ConversationEvent) => event.type === last && controller.abort(gone);
    const { error } = await talk(server, { steps: [written("x"), forEver], signal: controller.signal, see });
    expect(error).toBe(gone);
    expect(await server.sessions[0]?.closed).toEqual({ code: 1006 });
  });
});
