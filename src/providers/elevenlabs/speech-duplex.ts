import type { JsonObject } from "../../core/json.ts";
import type { ProviderConnection } from "../../core/provider.ts";
import type { SpeechEvent, SpeechInput, SpeechSession } from "../../core/speech.ts";
import type { Upstream, UpstreamSocket } from "../../core/upstream.ts";
import { orAborted } from "../../streams/abortable.ts";
import { HeldInput } from "../openai-compatible/held-input.ts";
import { exchange } from "../openai-compatible/realtime-exchange.ts";
import { closedTooSoon, readMessage, toSocketUrl, withSocket } from "../openai-compatible/realtime-socket.ts";
import { requestHeaders } from "./endpoint.ts";
import { explainElevenLabsError } from "./error.ts";
import { Speaker } from "./speech-contexts.ts";
import { toSocketSpeech } from "./speech-request.ts";
import { estimatedSpeechUsage } from "./speech-usage.ts";
import type { FindVoice } from "./voice-names.ts";

/**
 * Speech of a text that is being written, over `multi-stream-input`. The server lets go of a connection that has been silent for
 * long; what it has not begun to speak goes over another, unseen.
 */
export function createSpeechSession(
  connection: ProviderConnection,
  upstream: Upstream,
  findVoice: FindVoice,
): SpeechSession {
  return async function* (request, input, signal) {
    const call = toSocketSpeech(request);
    const voice = await findVoice(request.voice, signal);
    const path = `/v1/text-to-speech/${encodeURIComponent(voice)}/multi-stream-input`;
    const socketRequest = {
      url: toSocketUrl(connection.baseUrl + path, call.query),
      headers: requestHeaders(connection),
      explain: explainElevenLabsError,
    };
    const open = (life: AbortSignal) => upstream.socket(socketRequest, life);
    const speaker = new Speaker(call, request.wordTimings);
    const held = new HeldInput(input);
    const accepted = {
      type: "response",
      model: request.model,
      format: request.format,
      warnings: call.warnings,
    } as const;
    try {
      yield* withSocket(open, (socket) => converse(socket, speaker, { held, before: [accepted] }), signal);
      while (!speaker.finished && (!speaker.idle || (await hasMore(held, signal)))) {
        yield* withSocket(open, (socket) => converse(socket, speaker, { held, before: [] }), signal);
      }
    } finally {
      held.close();
    }
    yield { type: "finished", usage: estimatedSpeechUsage(speaker.spokenCharacters) };
  };
}

/** Whether the caller has something more to say; waits until they know. It is still there for the next who reads. */
async function hasMore(held: HeldInput<SpeechInput>, signal: AbortSignal): Promise<boolean> {
  const { done } = await orAborted(held[Symbol.asyncIterator]().next(), signal);
  return !done;
}

interface Conversation {
  readonly held: HeldInput<SpeechInput>;
  /** What the caller is told first. */
  readonly before: readonly SpeechEvent[];
}

/** Ends with the speech, or when the server lets go of a connection before it has begun to speak what it was sent. */
async function* converse(
  socket: UpstreamSocket,
  speaker: Speaker,
  { held, before }: Conversation,
): AsyncGenerator<SpeechEvent> {
  yield* before;
  await speaker.speakOver(socket);
  const messages = readMessages(socket);
  // A connection that was opened for a text has to take it, or there would be no end of opening others.
  let mayLetGo = before.length > 0;
  for await (const next of exchange({ messages, input: held, wantsInput: () => speaker.wantsInput })) {
    if (next.from === "caller") held.take();
    if (next.from === "caller") yield* await speaker.take(next.input);
    if (next.from === "caller-end") await speaker.end();
    if (next.from === "vendor" && mayLetGo && speaker.nothingBegun && isTooSilent(next.message)) return;
    if (next.from === "vendor") yield* await speaker.hear(next.message);
    if (speaker.finished) return;
    mayLetGo ||= next.from === "caller";
  }
  if (!mayLetGo || !speaker.nothingBegun) throw await closedTooSoon(socket, "the end of the speech");
}

/** `{message: "Have not received a new text input within the timeout …", error: "input_timeout_exceeded", code: 1008}`. */
function isTooSilent({ error }: JsonObject): boolean {
  return error === "input_timeout_exceeded";
}

async function* readMessages(socket: UpstreamSocket): AsyncGenerator<JsonObject> {
  for await (const message of socket.messages) yield readMessage(message);
}
