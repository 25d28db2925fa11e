import type { Message } from "../test/support/fake-sessions.ts";

/** What a vendor says in one turn: words, or sound as PCM at 24 kHz. */
export interface SaidTurn {
  readonly text: string;
  readonly audio: Buffer | undefined;
}

/** How a kind speaks in a conversation. */
export interface ConversationWire {
  readonly kind: string;
  readonly model: string;
  /** Of `base_url`, behind the vendor's address. */
  readonly basePath: string;
  /** Sent before anything has been heard. */
  readonly greeting: readonly Message[];
  /** What is said to a message that asks for no answer, such as the one that opens the conversation. */
  reply(message: Message): readonly Message[];
  opens(message: Message): boolean;
  /** Whether a message asks for an answer. */
  asks(message: Message): boolean;
  /** The messages of an answer without its end: one for each word, or for each piece of sound. */
  pieces(turn: SaidTurn): readonly Message[];
  /** With which an answer is over; with or without what it has consumed. */
  end(withUsage: boolean): readonly Message[];
  /** How the vendor says that it has failed, and that it has been asked too often. */
  readonly failure: Message;
  readonly tooMany: Message;
  /** Means nothing to anybody. */
  readonly unknown: Message;
  /** Which lets go of the socket, and says how the conversation goes on over another; undefined where there is no such thing. */
  readonly movesOn?: readonly Message[];
}

/** The kinds that converse. */
export const conversationWires: readonly ConversationWire[] = [googleWire(), openaiWire()];

/** The Live API's. */
export function googleWire(): ConversationWire {
  const content = (serverContent: object) => ({ serverContent });
  const part = (one: object) => content({ modelTurn: { parts: [one] } });
  const usage = { usageMetadata: { promptTokenCount: 5, responseTokenCount: 3 } };
  return {
    kind: "google",
    model: "gemini-2.0-flash-exp",
    basePath: "",
    greeting: [],
    opens: ({ setup }) => setup !== undefined,
    reply: ({ setup }) => (setup === undefined ? [] : [{ setupComplete: { sessionId: "session-1" } }]),
    asks: ({ clientContent, realtimeInput }) =>
      (clientContent as { turnComplete?: boolean } | undefined)?.turnComplete === true ||
      (realtimeInput as { text?: string } | undefined)?.text !== undefined,
    pieces: ({ text, audio }) =>
      audio
        ? soundPieces(audio).map((data) => part({ inlineData: { mimeType: "audio/pcm;rate=24000", data } }))
        : words(text).map((word) => part({ text: word })),
    end: (withUsage) => [
      content({ generationComplete: true }),
      { ...content({ turnComplete: true }), ...(withUsage && usage) },
    ],
    failure: { error: { code: 503, status: "UNAVAILABLE", message: "The service is overloaded." } },
    tooMany: { error: { code: 429, status: "RESOURCE_EXHAUSTED", message: "Too many requests." } },
    unknown: { somethingNew: { of: "no interest" } },
    movesOn: [{ sessionResumptionUpdate: { newHandle: "handle-1", resumable: true } }, { goAway: { timeLeft: "1s" } }],
  };
}

function openaiWire(): ConversationWire {
  const session = { id: "sess_1" };
  const usage = { input_tokens: 7, output_tokens: 5 };
  const output = { response_id: "resp_1", item_id: "item_1", output_index: 0, content_index: 0 };
  const error = (type: string, code: string) => ({ type: "error", error: { type, code, message: "Not now." } });
  return {
    kind: "openai",
    model: "gpt-realtime-2.1",
    basePath: "/v1",
    greeting: [{ type: "session.created", session }],
    opens: ({ type }) => type === "session.update",
    reply: ({ type }) => {
      if (type === "session.update") return [{ type: "session.updated", session }];
      return type === "input_audio_buffer.clear" ? [{ type: "input_audio_buffer.cleared" }] : [];
    },
    asks: ({ type }) => type === "response.create",
    pieces: ({ text, audio }) => [
      { type: "response.created", response: { id: "resp_1", status: "in_progress" } },
      ...(audio
        ? soundPieces(audio).map((delta) => ({ type: "response.output_audio.delta", ...output, delta }))
        : words(text).map((delta) => ({ type: "response.output_text.delta", ...output, delta }))),
    ],
    end: (withUsage) => [
      { type: "response.done", response: { id: "resp_1", status: "completed", ...(withUsage && { usage }) } },
    ],
    failure: error("server_error", "server_error"),
    tooMany: error("rate_limit_error", "rate_limit_exceeded"),
    unknown: { type: "something.new", of: "no interest" },
  };
}

function words(text: string): readonly string[] {
  return text.match(/\S+\s*/g) ?? [];
}

/** Of lengths that end inside a sample as often as not. */
function soundPieces(audio: Buffer): readonly string[] {
  const length = 1_001;
  return Array.from({ length: Math.ceil(audio.length / length) }, (_, i) =>
    audio.subarray(i * length, (i + 1) * length).toString("base64"),
  );
}
