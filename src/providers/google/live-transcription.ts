import type { LiveClientRealtimeInput } from "@google/genai";
import type { JsonObject } from "../../core/json.ts";
import type { ProviderConnection } from "../../core/provider.ts";
import type { LiveEvent, LiveInput, LiveTranscription, LiveTranscriptionRequest } from "../../core/transcription.ts";
import type { Upstream, UpstreamSocket } from "../../core/upstream.ts";
import { text } from "../openai-compatible/json-fields.ts";
import { writeJson } from "../openai-compatible/json-text.ts";
import { exchange } from "../openai-compatible/realtime-exchange.ts";
import { closedTooSoon, readMessage as toJson, withSocket } from "../openai-compatible/realtime-socket.ts";
import { liveUrl, requestHeaders } from "./endpoint.ts";
import { errorOf, explainGoogleError, socketRefused, streamError } from "./error.ts";
import { endSilent, type Hearing, newHearing, readMessage, takeEvents } from "./live-hearing.ts";
import { liveFormat, liveTurnModes, toLiveSetup } from "./live-request.ts";

/** Live transcription over the Live API (`BidiGenerateContent`), for models such as `gemini-3.5-transcribe-live`. */
export function createLiveTranscription(connection: ProviderConnection, upstream: Upstream): LiveTranscription {
  const handshake = { url: liveUrl(connection), headers: requestHeaders(connection) };
  return {
    formats: () => [liveFormat],
    turnModes: () => liveTurnModes,
    async *stream(request, input, signal) {
      const { setup, warnings } = toLiveSetup(request);
      yield* withSocket(
        (life) => upstream.socket({ ...handshake, explain: explainGoogleError }, life),
        async function* (socket) {
          const messages = readMessages(socket);
          await socket.send(writeJson({ setup }));
          const requestId = await untilSetUp(socket, messages);
          yield { type: "accepted", model: request.model, ...(requestId && { requestId }), warnings };
          yield* listen({ socket, messages, input }, request);
        },
        signal,
      );
    },
  };
}

/** The server sends JSON in binary messages. */
async function* readMessages(socket: UpstreamSocket): AsyncGenerator<JsonObject> {
  for await (const message of socket.messages) yield toJson(message);
}

/** Waits until the server has taken the session; gives its id, if it has one. */
async function untilSetUp(socket: UpstreamSocket, messages: AsyncIterator<JsonObject>): Promise<string> {
  for (;;) {
    const { done, value } = await messages.next();
    if (done) {
      const { code, reason } = await socket.closed;
      throw reason === "" ? await closedTooSoon(socket, "setupComplete") : socketRefused(code, reason);
    }
    const error = errorOf(value);
    if (error) throw streamError(error);
    if (value.setupComplete) return text((value.setupComplete as JsonObject).sessionId);
  }
}

interface Session {
  readonly socket: UpstreamSocket;
  readonly messages: AsyncIterator<JsonObject>;
  readonly input: AsyncIterable<LiveInput>;
}

/** How long the server may be silent after the end of the audio before we believe that it has no more to say. */
const quietMs = 1000;
/** How long words may come after the end of their activity: 0.3 s is usual. */
const wordsMs = 900;

async function* listen(session: Session, request: LiveTranscriptionRequest): AsyncGenerator<LiveEvent> {
  const hearing = newHearing(request);
  const microphone = new Microphone(session.socket, request);
  let silences = 0;
  for await (const next of exchange({ messages: session.messages, input: session.input, quietMs })) {
    silences = next.from === "nobody" ? silences + 1 : 0;
    if (next.from === "caller") await microphone.take(next.input);
    if (next.from === "caller-end") await microphone.end();
    if (next.from === "vendor") readMessage(hearing, next.message);
    endSilent(hearing, wordsMs);
    yield* takeEvents(hearing);
    if (microphone.ended && isComplete(hearing, microphone.turns, silences)) {
      return yield { type: "finished", usage: hearing.usage };
    }
  }
  throw await closedTooSoon(session.socket, "the last words");
}

/**
 * The server has no word for the end of a session. It owes the end of an utterance whose words have begun to come; with turns
 * that it was told of, as many ends as those. Speech without words gets no end but that of its activity, and none at all when
 * it was none: then its silence has to do, longer where it has heard something.
 */
function isComplete({ utterance, completed }: Hearing, turns: number | undefined, silences: number): boolean {
  if (utterance?.written) return false;
  if (turns !== undefined && completed >= turns) return true;
  const listening = utterance !== undefined && utterance.endMs === undefined;
  return silences >= (listening ? 3 : 1);
}

/** Sends the caller's audio, and the marks of its turns. */
class Microphone {
  ended = false;
  readonly #socket: UpstreamSocket;
  readonly #manual: boolean;
  /** Whether the server has audio of a turn that is not over. */
  #open = false;
  #turns = 0;

  constructor(socket: UpstreamSocket, { turnDetection }: LiveTranscriptionRequest) {
    this.#socket = socket;
    this.#manual = turnDetection.mode === "manual";
  }

  /** How many turns the server was told of; undefined when it finds them by itself, and there was something to find. */
  get turns(): number | undefined {
    return this.#manual || this.#turns === 0 ? this.#turns : undefined;
  }

  async take(input: LiveInput): Promise<void> {
    if (input.type === "commit") return this.#endTurn();
    if (input.data.length === 0) return;
    if (this.#manual && !this.#open) await this.#send({ activityStart: {} });
    this.#open = true;
    const data = Buffer.from(input.data).toString("base64");
    await this.#send({ audio: { data, mimeType: `${liveFormat.mimeType};rate=${liveFormat.sampleRateHertz}` } });
  }

  async end(): Promise<void> {
    await this.#endTurn();
    this.ended = true;
  }

  /** Where the server finds turns, the end of the audio ends one too, and more audio begins another. */
  async #endTurn(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    this.#turns++;
    await this.#send(this.#manual ? { activityEnd: {} } : { audioStreamEnd: true });
  }

  async #send(realtimeInput: LiveClientRealtimeInput): Promise<void> {
    await this.#socket.send(writeJson({ realtimeInput }));
  }
}
