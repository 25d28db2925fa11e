import { describe, expect, test } from "vitest";
import { LivellmError } from "../../../src/core/error.ts";
import type { ConversationEvent, ConversationRequest } from "../../../src/core/live.ts";
import { openai } from "../../../src/providers/openai/index.ts";
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

const model = "gpt-realtime-2.1";
const pcm24k = { mimeType: "audio/pcm", sampleRateHertz: 24_000, channelCount: 1 };

type Act = (event: Message, session: FakeSession) => void;

/** A server in the shape of the Realtime API's: takes the session, and does what a test says with all else. */
async function startFakeRealtime(act: Act = () => undefined): Promise<FakeServer> {
  return await startFakeServer({
    serve: (session) => {
      session.send({ type: "session.created", session: { id: "sess_1" } });
      return (event) => {
        if (event.type === "session.update") session.send({ type: "session.updated", session: { id: "sess_1" } });
        else if (event.type === "input_audio_buffer.clear") session.send({ type: "input_audio_buffer.cleared" });
        else act(event, session);
      };
    },
  });
}

const created = { type: "response.created", response: { id: "resp_1", status: "in_progress" } };
const says = (delta: string) => ({ type: "response.output_text.delta", delta });
const usage = {
  input_tokens: 7,
  output_tokens: 5,
  input_token_details: { audio_tokens: 2, cached_tokens: 1 },
  output_token_details: { audio_tokens: 3 },
};
const done = (status: string, reason?: string) => ({
  type: "response.done",
  response: { status, usage, ...(reason && { status_details: { type: status, reason } }) },
});

/** Answers each request for an answer with the last text. */
function echoing(): Act {
  let last = "";
  return (event, session) => {
    const { item } = event as { item?: { content?: { text: string }[] } };
    if (event.type === "conversation.item.create") last = item?.content?.[0]?.text ?? last;
    if (event.type === "response.create") sendAll(session, created, says(last), done("completed"));
  };
}

const talk = (server: FakeServer, call: Conversing) =>
  converseAt(openai, `${server.url}/v1`, { ...call, request: { model, ...call.request } });

const sent = (server: FakeServer) => server.sessions[0]?.received ?? [];
const sentTypes = (server: FakeServer) => sent(server).map(({ type }) => type);

describe("thinking", () => {
  type Reasoning = NonNullable<ConversationRequest["generation"]["reasoning"]>;

  test.each<[string, Partial<Reasoning>, object | undefined, readonly string[]]>([
    [model, { effort: "high" }, { effort: "high" }, []],
    [model, { effort: "max" }, { effort: "xhigh" }, []],
    [model, { effort: "disabled" }, { effort: "minimal" }, ["option-clamped effort"]],
    [model, { budgetTokens: 9 }, undefined, ["option-ignored budgetTokens"]],
    ["gpt-realtime-1.5", { effort: "high" }, undefined, ["option-ignored effort"]],
    ["gpt-realtime-1.5", { effort: "disabled" }, undefined, []],
  ])("%s %j", async (name, reasoning, expected, notes) => {
    await using server = await startFakeRealtime(echoing());
    const generation = { stopSequences: [], outputModalities: [], reasoning: { hidden: false, ...reasoning } };
    const { events } = await talk(server, { steps: [], request: { model: name, generation } });
    const session = sent(server)[0]?.session as { readonly reasoning?: object } | undefined;
    expect(session?.reasoning).toEqual(expected);
    const accepted = events.find((event) => event.type === "accepted");
    expect(accepted?.type === "accepted" && accepted.warnings?.map(({ code, field }) => `${code} ${field}`)).toEqual(
      notes.map((note) => note.replace(" ", " config.generation.reasoning.")),
    );
  });
});

describe("a written conversation", () => {
  test("from the session's settings to the end", async () => {
    await using server = await startFakeRealtime(echoing());
    const first = until("answer-finished");
    const { events, error } = await talk(server, {
      steps: [written("Hello"), first, written("Bye")],
      request: {
        instructions: "Be kind.",
        generation: { maxOutputTokens: 100, temperature: 0.7, stopSequences: [], outputModalities: [] },
        tools: [{ type: "function", name: "look_up", description: "Looks up.", inputSchemaJson: '{"type":"object"}' }],
        messages: [
          { role: "user", parts: [{ type: "text", text: "I am Ann." }] },
          { role: "assistant", parts: [{ type: "text", text: "Hello Ann." }] },
        ],
      },
      see: first.see,
    });
    expect(error).toBeUndefined();
    const answer = (text: string) => [
      { type: "text", text },
      {
        type: "answer-finished",
        finishReason: "stop",
        providerFinishReason: "completed",
        usage: {
          inputTokens: 7,
          outputTokens: 5,
          cachedInputTokens: 1,
          inputAudioTokens: 2,
          outputAudioTokens: 3,
          providerUsage: usage,
        },
      },
    ];
    expect(events).toEqual([
      {
        type: "accepted",
        model,
        requestId: "sess_1",
        warnings: [expect.objectContaining({ field: "config.generation.temperature" })],
      },
      ...answer("Hello"),
      ...answer("Bye"),
      { type: "finished", usage: {} },
    ]);
    const [session] = server.sessions;
    expect(session?.url.searchParams.get("model")).toBe(model);
    expect(session?.headers.authorization).toBe("Bearer live-secret-key");
    expect(sent(server)[0]).toEqual({
      type: "session.update",
      session: {
        type: "realtime",
        output_modalities: ["text"],
        audio: { input: { turn_detection: null } },
        instructions: "Be kind.",
        tools: [{ type: "function", name: "look_up", description: "Looks up.", parameters: { type: "object" } }],
        max_output_tokens: 100,
      },
    });
    const message = (role: string, type: string, text: string) => ({
      type: "conversation.item.create",
      item: { type: "message", role, content: [{ type, text }] },
    });
    expect(sent(server).slice(1)).toEqual([
      message("user", "input_text", "I am Ann."),
      message("assistant", "output_text", "Hello Ann."),
      message("user", "input_text", "Hello"),
      { type: "response.create" },
      message("user", "input_text", "Bye"),
      { type: "response.create" },
    ]);
    expect(await session?.closed).toEqual({ code: 1000 });
  });

  test("a text cuts off the answer under way, which the server is told, and is answered after it", async () => {
    let asked = 0;
    await using server = await startFakeRealtime((event, session) => {
      if (event.type === "response.create" && ++asked === 1) sendAll(session, created, says("Once"));
      else if (event.type === "response.create") sendAll(session, created, says("Two"), done("completed"));
      if (event.type === "response.cancel") sendAll(session, says(" upon"), done("cancelled", "client_cancelled"));
    });
    const begun = until("text");
    const { events } = await talk(server, { steps: [written("one"), begun, written("two")], see: begun.see });
    expect(events.slice(1)).toMatchObject([
      { type: "text", text: "Once" },
      { type: "interrupted" },
      { type: "answer-finished", finishReason: "other", providerFinishReason: "client_cancelled" },
      { type: "text", text: "Two" },
      { type: "answer-finished", finishReason: "stop" },
      { type: "finished" },
    ]);
    expect(sentTypes(server).slice(3)).toEqual(["response.cancel", "conversation.item.create", "response.create"]);
  });

  test("a text waits where it may not cut off the answer", async () => {
    await using server = await startFakeRealtime(echoing());
    const { events } = await talk(server, {
      steps: [written("one"), written("two"), written("three")],
      request: { bargeIn: false },
    });
    expect(wordsOf(events)).toBe("onetwothree");
    expect(sentTypes(server)).not.toContain("response.cancel");
  });

  test("an answer that is stopped before it begins is not heard", async () => {
    const stopped = Promise.withResolvers<void>();
    await using server = await startFakeRealtime((event, session) => {
      if (event.type === "response.create") stopped.promise.then(() => sendAll(session, created, says("Once")));
      if (event.type === "response.cancel") session.send(done("cancelled", "client_cancelled"));
    });
    const { events } = await talk(server, {
      steps: [written("one"), { type: "interrupt" }, async () => stopped.resolve()],
    });
    expect(typesOf(events)).toEqual(["accepted", "interrupted", "answer-finished", "finished"]);
  });

  test.each([
    [done("incomplete", "max_output_tokens"), "length"],
    [done("incomplete", "content_filter"), "content_filter"],
  ])("%o ends an answer with %s", async (end, finishReason) => {
    await using server = await startFakeRealtime((event, session) => {
      if (event.type === "response.create") sendAll(session, created, says("x"), end);
    });
    const { events } = await talk(server, { steps: [written("x")] });
    expect(events.find(({ type }) => type === "answer-finished")).toMatchObject({ finishReason });
  });

  test("breaks off with what the server says of a failure, but not with what does no harm", async () => {
    await using server = await startFakeRealtime((event, session) => {
      if (event.type !== "response.create") return;
      session.send({ type: "error", error: { code: "response_cancel_not_active", message: "nothing to cancel" } });
      const error = { type: "server_error", code: "server_error", message: "we are on fire" };
      session.send({ type: "response.done", response: { status: "failed", status_details: { error } } });
    });
    const { error } = await talk(server, { steps: [written("x"), forEver] });
    expect(error).toMatchObject({ reason: "provider_unavailable", message: expect.stringContaining("on fire") });
  });
});

describe("a spoken conversation", () => {
  const spokenRequest = { inputFormat: pcm24k, outputFormat: pcm24k, voice: "marin" };
  const answer = (item_id: string, bytes: number) => ({
    type: "response.output_audio.delta",
    item_id,
    delta: Buffer.alloc(bytes, 5).toString("base64"),
  });

  test("has turns that the server finds, and words and audio of both sides", async () => {
    await using server = await startFakeRealtime((event, session) => {
      if (event.type !== "input_audio_buffer.append") return;
      sendAll(
        session,
        { type: "input_audio_buffer.speech_started", audio_start_ms: 100, item_id: "item_1" },
        { type: "input_audio_buffer.speech_stopped", audio_end_ms: 900, item_id: "item_1" },
        { type: "input_audio_buffer.committed", item_id: "item_1" },
        created,
        { type: "response.output_audio_transcript.delta", delta: "Noon." },
        answer("item_2", 480),
        done("completed"),
        {
          type: "conversation.item.input_audio_transcription.completed",
          item_id: "item_1",
          transcript: "What time is it?",
          usage: { type: "tokens", input_tokens: 9, output_tokens: 4 },
        },
      );
    });
    const config = { languageCode: "en-US", prompt: "", phrases: ["noon"], wordTimings: false, speakerLabels: false };
    const { events, error } = await talk(server, {
      steps: [spoken(Buffer.alloc(4800))],
      request: {
        ...spokenRequest,
        inputTranscription: config,
        bargeIn: false,
        turnDetection: { mode: "silence", silenceMs: 400 },
        speech: { languageCode: "", speed: 1.2, instructions: "Warmly." },
      },
    });
    expect(error).toBeUndefined();
    expect(sent(server)[0]).toMatchObject({
      session: {
        output_modalities: ["audio"],
        instructions: "How to speak: Warmly.",
        audio: {
          input: {
            format: { type: "audio/pcm", rate: 24_000 },
            turn_detection: {
              type: "server_vad",
              silence_duration_ms: 400,
              create_response: true,
              interrupt_response: false,
            },
            transcription: { model: "gpt-transcribe", language: "en", keywords: ["noon"] },
          },
          output: { format: { type: "audio/pcm", rate: 24_000 }, voice: "marin", speed: 1.2 },
        },
      },
    });
    expect(events.slice(1)).toEqual([
      { type: "speech-started", offsetMs: 100 },
      { type: "speech-ended", offsetMs: 900 },
      { type: "output-transcript", text: "Noon." },
      { type: "audio", data: Buffer.alloc(480, 5) },
      expect.objectContaining({ type: "answer-finished" }),
      { type: "input-transcript", text: "What time is it?" },
      { type: "finished", usage: expect.objectContaining({ inputTokens: 9, outputTokens: 4 }) },
    ]);
    expect(sentTypes(server)).toEqual(["session.update", "input_audio_buffer.append", "input_audio_buffer.clear"]);
  });

  test("commits turns where the caller ends them, with silence where one is too short", async () => {
    await using server = await startFakeRealtime(echoing());
    const first = until("answer-finished");
    await talk(server, {
      steps: [spoken(Buffer.alloc(480)), { type: "end-turn" }, first, { type: "end-turn" }, spoken(Buffer.alloc(9600))],
      request: { inputFormat: pcm24k, turnDetection: { mode: "manual" } },
      see: first.see,
    });
    const [append, commit, clear] = ["append", "commit", "clear"].map((name) => `input_audio_buffer.${name}`);
    const create = "response.create";
    expect(sentTypes(server).slice(1)).toEqual([append, append, commit, create, append, commit, clear, create]);
    const audio = sent(server)
      .filter(({ type }) => type === append)
      .slice(0, 2);
    const bytes = audio.map((event) => Buffer.from(String(event.audio), "base64").length);
    expect(bytes.reduce((sum, length) => sum + length, 0)).toBe(4800);
  });

  test("that is interrupted tells how much was heard, and no more than there was", async () => {
    await using server = await startFakeRealtime((event, session) => {
      if (event.type === "response.create") sendAll(session, created, answer("item_2", 48_000));
      if (event.type === "response.cancel") session.send(done("cancelled", "client_cancelled"));
    });
    const begun = until("audio");
    await talk(server, {
      steps: [written("x"), begun, { type: "interrupt", heardMs: 400 }, { type: "interrupt", heardMs: 4000 }],
      request: spokenRequest,
      see: begun.see,
    });
    const truncate = { type: "conversation.item.truncate", item_id: "item_2", content_index: 0 };
    expect(sent(server).filter(({ type }) => type === truncate.type)).toEqual([
      { ...truncate, audio_end_ms: 400 },
      { ...truncate, audio_end_ms: 1000 },
    ]);
    expect(sentTypes(server).filter((type) => type === "response.cancel")).toHaveLength(1);
  });
});

test("functions are called, and the answer goes on when all have their results", async () => {
  let asked = 0;
  await using server = await startFakeRealtime((event, session) => {
    if (event.type !== "response.create") return;
    const call = (call_id: string, name: string) => ({
      type: "response.output_item.done",
      item: { type: "function_call", call_id, name, arguments: "{}" },
    });
    if (++asked === 1) sendAll(session, created, call("c1", "weather"), call("c2", "time"), done("completed"));
    else sendAll(session, created, says("It rains."), done("completed"));
  });
  const result = (toolCallId: string, text: string) =>
    ({
      type: "tool-result",
      result: { type: "tool-result", toolCallId, name: "", text, media: [], failed: false },
    }) as const;
  const called = until("answer-finished");
  const { events } = await talk(server, {
    steps: [written("How is it?"), called, result("c1", "rain"), result("c2", "noon")],
    see: called.see,
  });
  expect(events.slice(1, 4)).toMatchObject([
    { type: "tool-call", call: { id: "c1", name: "weather", executor: "client" } },
    { type: "tool-call", call: { id: "c2" } },
    { type: "answer-finished", finishReason: "tool_calls" },
  ]);
  expect(wordsOf(events)).toBe("It rains.");
  expect(sent(server).slice(3)).toEqual([
    { type: "conversation.item.create", item: { type: "function_call_output", call_id: "c1", output: "rain" } },
    { type: "conversation.item.create", item: { type: "function_call_output", call_id: "c2", output: "noon" } },
    { type: "response.create" },
  ]);
});

describe("cancel closes the vendor's socket", () => {
  const gone = new LivellmError("canceled", "cancelled", "gone");

  test.each<[string, Act | undefined, ConversationEvent["type"] | "nothing"]>([
    ["before the session is accepted", undefined, "nothing"],
    ["between answers", () => undefined, "accepted"],
    [
      "in the middle of an answer",
      (event, session) => event.type === "response.create" && sendAll(session, created, says("On")),
      "text",
    ],
  ])("%s", async (_, act, last) => {
    const controller = new AbortController();
    await using server = act ? await startFakeRealtime(act) : await startFakeServer({ serve: () => () => undefined });
    if (last === "nothing") server.nextSession().then(() => controller.abort(gone));
    const see = (event: ConversationEvent) => event.type === last && controller.abort(gone);
    const { error } = await talk(server, { steps: [written("x"), forEver], signal: controller.signal, see });
    expect(error).toBe(gone);
    expect(await server.sessions[0]?.closed).toEqual({ code: 1006 });
  });
});

test("a server that leaves in the middle has broken the conversation", async () => {
  await using server = await startFakeRealtime((event, session) => event.type === "response.create" && session.cut());
  const { error } = await talk(server, { steps: [written("x"), forEver] });
  expect(error).toMatchObject({ code: "unavailable", reason: "stream_broken" });
});
