import type { AudioFormat } from "../../src/core/audio-format.ts";
import { LivellmError } from "../../src/core/error.ts";
import type { ConversationEvent, ConversationInput, ConversationRequest, Live } from "../../src/core/live.ts";

/** One conversation that a talker had. */
export interface TalkerSession {
  readonly request: ConversationRequest;
  readonly signal: AbortSignal;
  /** What it was sent, as far as the script read it. */
  readonly heard: ConversationInput[];
  /** The next input; undefined at the end. */
  next(): Promise<ConversationInput | undefined>;
  /** All audio heard, joined. */
  audio(): Uint8Array;
}

export type TalkerScript = (session: TalkerSession) => AsyncGenerator<ConversationEvent>;

export interface Talker extends Live {
  readonly sessions: readonly TalkerSession[];
}

export interface TalkerOptions {
  readonly inputFormats?: readonly AudioFormat[];
  readonly outputFormats?: readonly AudioFormat[];
}

export const pcm16k: AudioFormat = { mimeType: "audio/pcm", sampleRateHertz: 16_000, channelCount: 1 };
export const pcm24k: AudioFormat = { mimeType: "audio/pcm", sampleRateHertz: 24_000, channelCount: 1 };

/** A model that converses as its script says, and remembers what it was sent. */
export function createTalker(script: TalkerScript, options: TalkerOptions = {}): Talker {
  const sessions: TalkerSession[] = [];
  return {
    sessions,
    inputFormats: () => options.inputFormats ?? [pcm16k],
    outputFormats: () => options.outputFormats ?? [pcm24k],
    turnModes: () => ["silence", "manual"],
    async *converse(request, input, signal) {
      const session = createSession(request, input, signal);
      sessions.push(session);
      yield* script(session);
    },
  };
}

function createSession(
  request: ConversationRequest,
  input: AsyncIterable<ConversationInput>,
  signal: AbortSignal,
): TalkerSession {
  const inputs = input[Symbol.asyncIterator]();
  const heard: ConversationInput[] = [];
  return {
    request,
    signal,
    heard,
    async next() {
      const { done, value } = await inputs.next();
      if (done) return undefined;
      heard.push(value);
      return value;
    },
    audio: () => Buffer.concat(heard.flatMap((item) => (item.type === "audio" ? [item.data] : []))),
  };
}

/** Answers each text with the same text, after `accepted`; ends with the input. */
export const repeats: TalkerScript = async function* (session) {
  yield { type: "accepted", model: "m-1", requestId: "r-1" };
  for (let item = await session.next(); item; item = await session.next()) {
    if (item.type !== "text") continue;
    yield { type: "text", text: item.text };
    yield finishedAnswer;
  }
  yield { type: "finished", usage: {} };
};

export const finishedAnswer: ConversationEvent = {
  type: "answer-finished",
  finishReason: "stop",
  providerFinishReason: "STOP",
  usage: { inputTokens: 2, outputTokens: 3 },
};

export function refusesWith(reason: "provider_unavailable" | "rate_limited"): TalkerScript {
  return async function* () {
    yield* [];
    throw new LivellmError("unavailable", reason, "not now");
  };
}

/** Never resolves but by the abort of the signal. */
export function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));
}
