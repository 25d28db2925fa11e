import type { JsonObject } from "../../core/json.ts";
import type { ProviderConnection } from "../../core/provider.ts";
import type { LiveEvent, LiveInput, LiveTranscription, LiveTranscriptionRequest } from "../../core/transcription.ts";
import type { Upstream, UpstreamSocket } from "../../core/upstream.ts";
import type { Usage } from "../../core/usage.ts";
import { audioHere, audioWriter } from "../openai-compatible/audio-message.ts";
import { text } from "../openai-compatible/json-fields.ts";
import { exchange } from "../openai-compatible/realtime-exchange.ts";
import {
  closedTooSoon,
  readMessage as readJson,
  toSocketUrl,
  withSocket,
} from "../openai-compatible/realtime-socket.ts";
import { requestHeaders } from "./endpoint.ts";
import { explainElevenLabsError, sessionError } from "./error.ts";
import { endEmptyTurn, finishPending, type Hearing, newHearing, readMessage, takeEvents } from "./live-hearing.ts";
import { type LiveCall, liveFormats, toLiveCall } from "./live-request.ts";

/** Live transcription by Scribe, over `/v1/speech-to-text/realtime`. */
export function createLiveTranscription(connection: ProviderConnection, upstream: Upstream): LiveTranscription {
  return {
    formats: () => liveFormats,
    turnModes: () => ["silence", "manual"],
    async *stream(request, input, signal) {
      const call = toLiveCall(request);
      const socketRequest = {
        url: toSocketUrl(`${connection.baseUrl}/v1/speech-to-text/realtime`, call.query),
        headers: requestHeaders(connection),
        explain: explainElevenLabsError,
      };
      yield* withSocket(
        (life) => upstream.socket(socketRequest, life),
        async function* (socket) {
          const messages = readMessages(socket);
          const requestId = await startSession(socket, messages);
          yield { type: "accepted", model: request.model, requestId, warnings: call.warnings };
          yield* listen({ socket, messages, request, call }, input);
        },
        signal,
      );
    },
  };
}

async function* readMessages(socket: UpstreamSocket): AsyncGenerator<JsonObject> {
  for await (const message of socket.messages) yield readJson(message);
}

/** Waits until the server has taken the session; gives its id. */
async function startSession(socket: UpstreamSocket, messages: AsyncIterator<JsonObject>): Promise<string> {
  for (;;) {
    const { done, value: message } = await messages.next();
    if (done) throw await closedTooSoon(socket, "session_started");
    if (message.message_type === "session_started") return text(message.session_id);
    if (typeof message.error === "string") throw sessionError(text(message.message_type), message.error);
  }
}

interface Session {
  readonly socket: UpstreamSocket;
  readonly messages: AsyncIterator<JsonObject>;
  readonly request: LiveTranscriptionRequest;
  readonly call: LiveCall;
}

/** How long the server may take to say that there is nothing left; it says so at once, or, should that change, never. */
const lastAnswerMs = 2_000;

async function* listen(session: Session, input: AsyncIterable<LiveInput>): AsyncGenerator<LiveEvent> {
  const { messages, request, call } = session;
  const findsTurns = request.turnDetection.mode !== "manual";
  const { interim, wordTimings } = request;
  const hearing = newHearing({ interim, wordTimings, timed: call.timed, findsTurns });
  const microphone = new Microphone(session, hearing);
  for await (const next of exchange({ messages, input, quietMs: lastAnswerMs })) {
    if (next.from === "caller") await microphone.take(next.input);
    if (next.from === "caller-end") await microphone.end();
    if (next.from === "vendor") await microphone.hear(next.message);
    if (next.from === "nobody") microphone.waitNoLonger();
    yield* takeEvents(hearing);
    if (microphone.finished) return yield { type: "finished", usage: microphone.usage };
  }
  microphone.waitNoLonger();
  if (!microphone.finished) throw await closedTooSoon(session.socket, "the last transcript");
  yield* takeEvents(hearing);
  yield { type: "finished", usage: microphone.usage };
}

/** "You need at least 0.3s of uncommitted audio before committing." */
const shortestCommitMs = 300;

/**
 * Sends the caller's audio and commits it. At the end it commits what is left, and goes on until a commit is answered with
 * "nothing to commit": the server commits by itself, too, and an answer does not say whose commit it is for.
 */
class Microphone {
  readonly #socket: UpstreamSocket;
  readonly #hearing: Hearing;
  readonly #format: LiveTranscriptionRequest["format"];
  #previousText: string;
  #sentBytes = 0;
  #uncommittedBytes = 0;
  #paddedMs = 0;
  #ended = false;
  /** Whether the server was asked if there is anything left. */
  #probing = false;
  finished = false;

  constructor({ socket, request, call }: Session, hearing: Hearing) {
    this.#socket = socket;
    this.#hearing = hearing;
    this.#format = request.format;
    this.#previousText = call.previousText;
  }

  /** The server reports none: the length of the audio is counted here. */
  get usage(): Usage {
    return { inputAudioMs: Math.round(this.#toMs(this.#sentBytes)), estimated: true };
  }

  async take(input: LiveInput): Promise<void> {
    if (input.type === "commit") return this.#endTurn();
    if (input.data.length === 0) return;
    this.#sentBytes += input.data.length;
    this.#uncommittedBytes += input.data.length;
    await this.#send(input.data, false);
  }

  async end(): Promise<void> {
    await this.#commit();
    this.#ended = true;
    this.finished = this.#sentBytes === 0;
    if (!this.finished && this.#hearing.commits.length === 0) await this.#probe();
  }

  async hear(message: JsonObject): Promise<void> {
    const { answers } = this.#hearing;
    readMessage(this.#hearing, message);
    const { commits, pending } = this.#hearing;
    if (!this.#ended || this.#hearing.answers === answers || commits.length > 0 || pending !== undefined) return;
    if (this.#isNothingLeft) this.finished = true;
    else await this.#probe();
  }

  /** The session is over, or as good as over, when all that it owes us is to say that nothing is left. */
  waitNoLonger(): void {
    if (!this.#probing) return;
    finishPending(this.#hearing);
    this.finished = true;
  }

  get #isNothingLeft(): boolean {
    const { answer } = this.#hearing;
    return answer === "nothing" || (this.#probing && answer === "empty");
  }

  async #probe(): Promise<void> {
    this.#probing = true;
    await this.#send(new Uint8Array(0), true);
  }

  /** Each commit of the caller's ends one turn; a server that finds turns has ended that of an empty buffer itself. */
  async #endTurn(): Promise<void> {
    if (this.#uncommittedBytes > 0) await this.#commit();
    else if (!this.#hearing.findsTurns) endEmptyTurn(this.#hearing, Math.round(this.#toMs(this.#sentBytes)));
  }

  async #commit(): Promise<void> {
    const bufferedMs = this.#toMs(this.#uncommittedBytes);
    if (bufferedMs === 0) return;
    this.#uncommittedBytes = 0;
    const missingMs = Math.max(0, shortestCommitMs - bufferedMs);
    this.#paddedMs += missingMs;
    const endMs = Math.round(this.#toMs(this.#sentBytes));
    this.#hearing.commits.push({ endMs, paddedMs: this.#paddedMs, echoes: 0 });
    await this.#send(this.#silence(missingMs), true);
  }

  async #send(audio: Uint8Array, commit: boolean): Promise<void> {
    const message = {
      message_type: "input_audio_chunk",
      audio_base_64: audioHere,
      commit,
      sample_rate: this.#format.sampleRateHertz,
      ...(this.#previousText && { previous_text: this.#previousText }),
    };
    this.#previousText = "";
    await this.#socket.sendText(audioWriter(message)(audio));
  }

  #toMs(bytes: number): number {
    return (bytes / this.#bytesPerSample / this.#format.sampleRateHertz) * 1000;
  }

  #silence(milliseconds: number): Uint8Array {
    const samples = Math.ceil((milliseconds * this.#format.sampleRateHertz) / 1000);
    return new Uint8Array(samples * this.#bytesPerSample).fill(this.#bytesPerSample === 1 ? 0xff : 0);
  }

  get #bytesPerSample(): number {
    return this.#format.mimeType === "audio/pcm" ? 2 : 1;
  }
}
