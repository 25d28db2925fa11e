import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { FinishReason } from "../../gen/livellm/v1/agent_pb.ts";
import { Modality } from "../../gen/livellm/v1/common_pb.ts";
import { ErrorDetailSchema } from "../../gen/livellm/v1/error_pb.ts";
import type { ConverseRequestSchema, ConverseResponse } from "../../gen/livellm/v1/live_service_pb.ts";
import {
  Attempt_Outcome as Outcome,
  Failure_Reason as Reason,
  Route_Strategy as Strategy,
} from "../../gen/livellm/v1/route_pb.ts";
import { convertAudio } from "../../src/audio/convert.ts";
import type { ConversationEvent } from "../../src/core/live.ts";
import { numberedSamples, tone } from "../live/numbered-audio.ts";
import {
  createTalker,
  finishedAnswer,
  pcm16k,
  pcm24k,
  refusesWith,
  repeats,
  type TalkerScript,
  untilAborted,
} from "../live/scripted-talker.ts";
import { routeTo, startVoiceGateway, type VoiceGateway } from "../live/voice-gateway.ts";

type Request = MessageInitShape<typeof ConverseRequestSchema>;
type Event = ConverseResponse["event"];

function start(providers: readonly string[], more: object = {}): Request {
  return { input: { case: "start", value: { route: routeTo(...providers), ...more } } };
}

const text = (value: string): Request => ({ input: { case: "text", value: { text: value } } });
const audio = (data: Uint8Array): Request => ({ input: { case: "audio", value: { data: new Uint8Array(data) } } });
const spoken = { config: { generation: { outputModalities: [Modality.AUDIO] } } };

type Step = Request | (() => Promise<unknown>);

async function* said(...steps: readonly Step[]): AsyncGenerator<Request> {
  for (const step of steps) {
    if (typeof step === "function") await step();
    else yield step;
  }
}

interface Talk {
  readonly events: readonly Event[];
  readonly error: ConnectError | undefined;
}

async function talk(
  gateway: VoiceGateway,
  input: AsyncIterable<Request>,
  { signal, see }: { signal?: AbortSignal; see?: (event: Event) => void } = {},
): Promise<Talk> {
  const events: Event[] = [];
  try {
    for await (const { event } of gateway.live.converse(input, { signal })) {
      if (event.case === "heartbeat") continue;
      events.push(event);
      see?.(event);
    }
    return { events, error: undefined };
  } catch (error) {
    return { events, error: ConnectError.from(error) };
  }
}

const cases = (events: readonly Event[]) => events.map((event) => event.case);
const firstOf = (events: readonly Event[], name: Event["case"]) => events.find((event) => event.case === name)?.value;
const detailOf = (error: ConnectError | undefined) => error?.findDetails(ErrorDetailSchema)[0];
const bytesOf = (events: readonly Event[]) =>
  Buffer.concat(events.flatMap((event) => (event.case === "audio" ? [event.value.data] : [])));

describe("a conversation", () => {
  test("is a start, turns with their usage, and an end with the sum", async () => {
    await using gateway = await startVoiceGateway({ a: { live: createTalker(repeats) } });
    const { events, error } = await talk(gateway, said(start(["a"]), text("one"), text("two")));
    expect(error).toBeUndefined();
    const answer = ["textDelta", "answerFinished"];
    expect(cases(events)).toEqual(["started", ...answer, ...answer, "finished"]);
    expect(firstOf(events, "started")).toMatchObject({
      sessionId: expect.stringMatching(/^session_/),
      routeResult: { provider: "a", model: "m-1", providerRequestId: "r-1", attempts: [{ outcome: Outcome.ANSWERED }] },
    });
    expect(firstOf(events, "answerFinished")).toMatchObject({
      finishReason: FinishReason.STOP,
      providerFinishReason: "STOP",
      usage: { inputTokens: 2, outputTokens: 3 },
    });
    expect(firstOf(events, "finished")).toMatchObject({ usage: { inputTokens: 4, outputTokens: 6 } });
  });

  test("passes on what the model is to know", async () => {
    const talker = createTalker(repeats);
    await using gateway = await startVoiceGateway({ a: { live: talker } });
    const config = {
      instructions: "Be kind.",
      tools: [{ kind: { case: "function" as const, value: { name: "look_up" } } }],
      generation: { temperature: 0.5, maxOutputTokens: 100 },
      inputTranscription: { languageCode: "de" },
    };
    const messages = [{ text: "Hello" }, { role: "assistant", text: "Hi" }];
    await talk(gateway, said(start(["a"], { config, messages, bargeInDisabled: true })));
    expect(talker.sessions[0]?.request).toMatchObject({
      instructions: "Be kind.",
      tools: [{ type: "function", name: "look_up" }],
      generation: { temperature: 0.5, maxOutputTokens: 100 },
      inputTranscription: { languageCode: "de" },
      messages: [{ role: "user" }, { role: "assistant" }],
      bargeIn: false,
      inputFormat: undefined,
      outputFormat: undefined,
    });
  });

  test("converts the audio of both sides, and cuts exact chunks", async () => {
    const answer = numberedSamples(0, 24_000);
    const speaks: TalkerScript = async function* (session) {
      yield { type: "accepted" };
      while (await session.next());
      for (let at = 0; at < answer.length; at += 999) yield { type: "audio", data: answer.subarray(at, at + 999) };
      yield finishedAnswer;
      yield { type: "finished", usage: {} };
    };
    const talker = createTalker(speaks);
    await using gateway = await startVoiceGateway({ a: { live: talker } });
    const ulaw = { mimeType: "audio/ulaw", sampleRateHertz: 8000, channelCount: 1 };
    const question = convertAudio(tone(1000, true), pcm16k, ulaw);
    const opening = start(["a"], {
      format: ulaw,
      chunkMs: 20,
      config: { ...spoken.config, speech: { format: ulaw } },
    });
    const { events } = await talk(
      gateway,
      said(opening, audio(question.subarray(0, 333)), audio(question.subarray(333))),
    );
    expect(firstOf(events, "started")).toMatchObject({ inputFormat: pcm16k, outputFormat: ulaw });
    expect(Buffer.from(talker.sessions[0]?.audio() ?? [])).toEqual(Buffer.from(convertAudio(question, ulaw, pcm16k)));
    const chunks = events.flatMap((event) => (event.case === "audio" ? [event.value.data.length] : []));
    expect(new Set(chunks.slice(0, -1))).toEqual(new Set([160]));
    expect(bytesOf(events)).toEqual(Buffer.from(convertAudio(answer, pcm24k, ulaw)));
    expect(firstOf(events, "finished")).toMatchObject({
      durationMs: 1000,
      usage: { inputAudioMs: 1000, outputAudioMs: 1000 },
    });
  });

  test("forgets what is left of an answer that was interrupted", async () => {
    const cutOff: TalkerScript = async function* (session) {
      yield { type: "accepted" };
      yield { type: "audio", data: tone(30, true) };
      yield { type: "interrupted" };
      yield { type: "answer-finished", finishReason: "other", providerFinishReason: "interrupted" };
      yield { type: "audio", data: tone(20, false) };
      yield finishedAnswer;
      while (await session.next());
      yield { type: "finished", usage: {} };
    };
    await using gateway = await startVoiceGateway({ a: { live: createTalker(cutOff, { outputFormats: [pcm16k] }) } });
    const { events } = await talk(gateway, said(start(["a"], { ...spoken, chunkMs: 20 })));
    expect(cases(events)).toEqual([
      "started",
      "audio",
      "interrupted",
      "answerFinished",
      "audio",
      "answerFinished",
      "finished",
    ]);
    // The 10 ms that filled no chunk are gone: the next answer begins with its own silence.
    expect(bytesOf(events).subarray(640)).toEqual(Buffer.alloc(640));
  });

  test("hands calls of tools out and their results in; one that nobody waits for is left out", async () => {
    const calls: TalkerScript = async function* (session) {
      yield { type: "accepted" };
      const call = { type: "tool-call", id: "c1", name: "f", argumentsJson: '{"a":1}', executor: "client" } as const;
      yield { type: "tool-call", call };
      const answer = await session.next();
      yield { type: "text", text: answer?.type === "tool-result" ? answer.result.text : "?" };
      yield finishedAnswer;
      while (await session.next());
      yield { type: "finished", usage: {} };
    };
    await using gateway = await startVoiceGateway({ a: { live: createTalker(calls) } });
    const called = Promise.withResolvers<void>();
    const result = (toolCallId: string): Request => ({
      input: { case: "toolResult", value: { toolCallId, text: `of ${toolCallId}` } },
    });
    const input = said(start(["a"]), () => called.promise, result("c0"), result("c1"));
    const see = (event: Event) => event.case === "toolCall" && called.resolve();
    const { events } = await talk(gateway, input, { see });
    expect(firstOf(events, "toolCall")).toMatchObject({ id: "c1", name: "f", arguments: { a: 1 } });
    expect(firstOf(events, "textDelta")).toMatchObject({ text: "of c1" });
    expect(firstOf(events, "warning")).toMatchObject({ code: "option-ignored", field: "toolResult.toolCallId" });
  });

  test("lets a model that has finished close its session in its own time", async () => {
    let closed = false;
    const tidy = createTalker(async function* (session) {
      yield* repeats(session);
      closed = !session.signal.aborted;
    });
    await using gateway = await startVoiceGateway({ a: { live: tidy } });
    await talk(gateway, said(start(["a"]), text("one")));
    expect(closed).toBe(true);
  });

  test("ends with a warning when nobody says anything for long", async () => {
    await using gateway = await startVoiceGateway({ a: { live: createTalker(repeats) } }, { idleTimeoutMs: 100 });
    const { events, error } = await talk(
      gateway,
      said(start(["a"]), () => new Promise(() => undefined)),
    );
    expect(error).toBeUndefined();
    expect(events.slice(1)).toMatchObject([{ case: "warning", value: { code: "session-idle" } }, { case: "finished" }]);
  });
});

describe("fallback", () => {
  test("gives the next target all that was said while the first was tried", async () => {
    const heardByFirst = Promise.withResolvers<void>();
    const first = createTalker(async function* (session) {
      yield* [];
      for (let i = 0; i < 3; i++) await session.next();
      heardByFirst.resolve();
      yield* refusesWith("provider_unavailable")(session);
    });
    const second = createTalker(repeats);
    await using gateway = await startVoiceGateway({ a: { live: first }, b: { live: second } });
    const piece = tone(100, true);
    const input = said(start(["a", "b"], { format: pcm16k }), audio(piece), text("x"), audio(piece));
    const { events, error } = await talk(gateway, input);
    await heardByFirst.promise;
    expect(error).toBeUndefined();
    expect(cases(events)).toEqual(["attemptFailed", "started", "textDelta", "answerFinished", "finished"]);
    expect(second.sessions[0]?.heard.map(({ type }) => type)).toEqual(["audio", "text", "audio"]);
    expect(firstOf(events, "finished")).toMatchObject({ routeResult: { provider: "b", attempts: [{}, {}] } });
  });

  test.each([
    ["does not speak", { outputFormats: [] }, spoken],
    ["does not listen", { inputFormats: [] }, { format: pcm16k }],
  ])("passes over a target that %s", async (_, options, more) => {
    const deaf = createTalker(repeats, options);
    await using gateway = await startVoiceGateway({ a: { live: deaf }, b: { live: createTalker(repeats) } });
    const { events } = await talk(gateway, said(start(["a", "b"], more)));
    expect(cases(events)[0]).toBe("attemptFailed");
    expect(firstOf(events, "started")).toMatchObject({ routeResult: { provider: "b" } });
    expect(deaf.sessions).toHaveLength(0);
  });

  test("passes over a provider that has no conversations", async () => {
    await using gateway = await startVoiceGateway({ a: {}, b: { live: createTalker(repeats) } });
    const { events } = await talk(gateway, said(start(["a", "b"])));
    expect(firstOf(events, "attemptFailed")).toMatchObject({
      failure: { reason: Reason.UNSUPPORTED, message: expect.stringContaining("cannot converse live") },
    });
  });

  test("in parallel: who accepts first has it, and the others are stopped", async () => {
    const slow = createTalker(async function* (session) {
      yield* [];
      await session.next();
      await untilAborted(session.signal);
    });
    await using gateway = await startVoiceGateway({ a: { live: slow }, b: { live: createTalker(repeats) } });
    const route = { ...routeTo("a", "b"), strategy: Strategy.PARALLEL };
    const { events } = await talk(gateway, said(start([], { route }), text("x")));
    expect(firstOf(events, "finished")).toMatchObject({
      routeResult: { provider: "b", attempts: [{ provider: "a", outcome: Outcome.CANCELLED }, { provider: "b" }] },
    });
    expect(firstOf(events, "textDelta")).toMatchObject({ text: "x" });
    expect(slow.sessions[0]?.signal.aborted).toBe(true);
  });

  test("does not begin again after the start: the failure is the status", async () => {
    const dies: TalkerScript = async function* () {
      yield { type: "accepted" };
      yield { type: "text", text: "Once upon" };
      throw new TypeError("no");
    };
    const second = createTalker(repeats);
    await using gateway = await startVoiceGateway({ a: { live: createTalker(dies) }, b: { live: second } });
    const { events, error } = await talk(gateway, said(start(["a", "b"]), text("Tell me")));
    expect(cases(events)).toEqual(["started", "textDelta"]);
    expect(error?.code).toBe(Code.Unavailable);
    expect(detailOf(error)).toMatchObject({ reason: Reason.STREAM_BROKEN, attempts: [{ outcome: Outcome.FAILED }] });
    expect(second.sessions).toHaveLength(0);
  });

  test("takes no end for one that the caller did not ask for", async () => {
    const leaves: TalkerScript = async function* () {
      yield { type: "accepted" };
      yield { type: "finished", usage: {} };
    };
    await using gateway = await startVoiceGateway({ a: { live: createTalker(leaves) } });
    const { events, error } = await talk(
      gateway,
      said(start(["a"]), () => new Promise(() => undefined)),
    );
    expect(cases(events)).toEqual(["started"]);
    expect(detailOf(error)?.reason).toBe(Reason.STREAM_BROKEN);
  });
});

describe("a stall", () => {
  const silent: TalkerScript = async function* (session) {
    yield { type: "accepted" };
    while (await session.next());
    await untilAborted(session.signal);
  };
  const begins: TalkerScript = async function* (session) {
    yield { type: "accepted" };
    await session.next();
    yield { type: "text", text: "Well," };
    await untilAborted(session.signal);
  };
  const forEver = () => new Promise(() => undefined);
  const endTurn: Request = { input: { case: "endTurn", value: {} } };

  test.each<[string, TalkerScript, readonly Step[]]>([
    ["after a text", silent, [text("Hello?"), forEver]],
    ["after a turn that the caller has ended", silent, [audio(tone(100, true)), endTurn, forEver]],
    ["in the middle of an answer", begins, [audio(tone(100, true)), forEver]],
    ["after the end of the caller's side", silent, []],
  ])("is a model that says nothing %s", async (_, script, steps) => {
    await using gateway = await startVoiceGateway({ a: { live: createTalker(script) } }, { stallTimeoutMs: 100 });
    const turnDetection = { mode: { case: "manual", value: {} } };
    const { error } = await talk(gateway, said(start(["a"], { format: pcm16k, turnDetection }), ...steps));
    expect(error?.code).toBe(Code.Unavailable);
    expect(detailOf(error)?.reason).toBe(Reason.TIMEOUT);
  });

  test("is no user who says nothing, nor a caller who has a tool to run", async () => {
    const patient: TalkerScript = async function* (session) {
      yield { type: "accepted" };
      await session.next();
      yield { type: "text", text: "I will look it up." };
      const call = { type: "tool-call", id: "c1", name: "f", argumentsJson: "{}", executor: "client" } as const;
      yield { type: "tool-call", call };
      await session.next();
      yield finishedAnswer;
      while (await session.next());
      yield { type: "finished", usage: {} };
    };
    await using gateway = await startVoiceGateway({ a: { live: createTalker(patient) } }, { stallTimeoutMs: 60 });
    const aWhile = () => new Promise((resolve) => setTimeout(resolve, 200));
    const result: Request = { input: { case: "toolResult", value: { toolCallId: "c1", text: "yes" } } };
    const input = said(start(["a"]), aWhile, text("What is it?"), aWhile, result, aWhile);
    expect((await talk(gateway, input)).error).toBeUndefined();
  });
});

describe("cancel reaches the model", () => {
  const phases: readonly (readonly [string, TalkerScript])[] = [
    ["before it accepts", (session) => waitsAfter(session.signal, [])],
    ["after it has accepted", (session) => waitsAfter(session.signal, [{ type: "accepted" }])],
    [
      "in the middle of an answer",
      (session) => waitsAfter(session.signal, [{ type: "accepted" }, { type: "text", text: "Well," }]),
    ],
  ];

  async function* waitsAfter(signal: AbortSignal, events: readonly ConversationEvent[]) {
    yield* events;
    await untilAborted(signal);
  }

  test.each(phases)("%s", async (_, script) => {
    const opened = Promise.withResolvers<void>();
    const talker = createTalker(async function* (session) {
      opened.resolve();
      yield* script(session);
    });
    await using gateway = await startVoiceGateway({ a: { live: talker } });
    const controller = new AbortController();
    const call = talk(
      gateway,
      said(start(["a"]), () => new Promise(() => undefined)),
      { signal: controller.signal },
    );
    await opened.promise;
    controller.abort();
    expect((await call).error?.code).toBe(Code.Canceled);
    const { signal } = talker.sessions[0] ?? {};
    if (signal && !signal.aborted) await untilAborted(signal).catch(() => undefined);
    expect(signal?.aborted).toBe(true);
  });
});

describe("what cannot be is refused before anyone is called", () => {
  const tool = (kind: object) => ({ config: { tools: [{ kind }] } });
  const webm = Buffer.concat([Buffer.from([0x1a, 0x45, 0xdf, 0xa3]), Buffer.alloc(60, 1)]);

  test.each<[string, readonly Request[], readonly string[]]>([
    [
      "an MCP server",
      [start(["a"], tool({ case: "mcpServer", value: { url: "https://mcp.example" } }))],
      ["start.config.tools[0].mcpServer"],
    ],
    [
      "an answer in two forms",
      [start(["a"], { config: { generation: { outputModalities: [Modality.TEXT, Modality.AUDIO] } } })],
      ["start.config.generation.outputModalities"],
    ],
    [
      "images for an answer, and a file for speech",
      [
        start(["a"], {
          config: {
            generation: { outputModalities: [Modality.IMAGE] },
            speech: { format: { mimeType: "audio/mpeg" } },
          },
        }),
      ],
      ["start.config.generation.outputModalities", "start.config.speech.format.mimeType"],
    ],
    ["audio of a form that was not said", [start(["a"]), audio(tone(100, true))], ["start.format"]],
    ["a recorder's file sent as samples", [start(["a"], { format: pcm16k }), audio(webm)], ["audio.data"]],
    ["a history without the user", [start(["a"], { messages: [{ role: "system", text: "x" }] })], ["start.messages"]],
  ])("%s", async (_, requests, fields) => {
    await using gateway = await startVoiceGateway({ a: { live: createTalker(repeats) } });
    const { error } = await talk(
      gateway,
      said(...requests, () => new Promise(() => undefined)),
    );
    expect(error?.code).toBe(Code.InvalidArgument);
    expect(detailOf(error)?.fieldViolations.map(({ field }) => field)).toEqual(fields);
  });
});
