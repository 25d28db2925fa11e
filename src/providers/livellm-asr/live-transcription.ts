import type { AudioFormat } from "../../core/audio-format.ts";
import { LivellmError } from "../../core/error.ts";
import type { JsonObject } from "../../core/json.ts";
import type { ProviderConnection } from "../../core/provider.ts";
import type { Warning } from "../../core/route.ts";
import type { LiveEvent, LiveInput, LiveTranscription, LiveTranscriptionRequest } from "../../core/transcription.ts";
import type { Upstream, UpstreamSocket } from "../../core/upstream.ts";
import { audioHere, audioWriter } from "../openai-compatible/audio-message.ts";
import { unreadableAnswer } from "../openai-compatible/broken-stream.ts";
import { requestHeaders } from "../openai-compatible/endpoint.ts";
import { explainOpenAIError } from "../openai-compatible/error.ts";
import { text } from "../openai-compatible/json-fields.ts";
import { newNotes } from "../openai-compatible/notes.ts";
import { refuseReservedOptions } from "../openai-compatible/options.ts";
import { exchange } from "../openai-compatible/realtime-exchange.ts";
import {
  closedTooSoon,
  handshakeHeaders,
  readMessage,
  toSocketUrl,
  withSocket,
} from "../openai-compatible/realtime-socket.ts";
import { unsupported } from "../openai-compatible/unsupported.ts";
import { type AsrSettings, readSettings, splitOptions } from "./settings.ts";
import { type Answer, type FlushReason, Utterances } from "./utterances.ts";

const sampleRateHertz = 16_000;
const bytesPerMs = (sampleRateHertz * 2) / 1000;
const format: AudioFormat = { mimeType: "audio/pcm", sampleRateHertz, channelCount: 1 };

/** Live transcription by a recogniser of one's own, over `/v1/audio/transcriptions/ws`. */
export function createLiveTranscription(connection: ProviderConnection, upstream: Upstream): LiveTranscription {
  return {
    formats: () => [format],
    turnModes: () => ["silence", "manual"],
    async *stream(request, input, signal) {
      refuseReservedOptions(request.options, ["sample_rate"]);
      const warnings = checkRequest(request);
      const own = splitOptions(request.options);
      const settings = readSettings({ ...connection.settings, ...own.settings });
      const options = Object.entries(own.others).map(([name, value]) => [name, String(value)] as const);
      const query = { sample_rate: sampleRateHertz, ...Object.fromEntries(options) };
      const socketRequest = {
        url: toSocketUrl(`${connection.baseUrl}/v1/audio/transcriptions/ws`, query),
        headers: handshakeHeaders(requestHeaders(connection, { authentication: "bearer" })),
        explain: explainOpenAIError,
      };
      yield* withSocket(
        (life) => upstream.socket(socketRequest, life),
        async function* (socket) {
          yield { type: "accepted", model: request.model, warnings };
          yield* listen(socket, new Recogniser(socket, settings, request), input);
        },
        signal,
      );
    },
  };
}

function checkRequest(request: LiveTranscriptionRequest): readonly Warning[] {
  const { mimeType, sampleRateHertz: rate } = request.format;
  if (mimeType !== format.mimeType || rate !== sampleRateHertz) {
    throw unsupported(
      "config.format",
      `the recogniser takes audio/pcm at ${sampleRateHertz} Hz, not ${mimeType} at ${rate}`,
    );
  }
  if (request.turnDetection.mode === "semantic") {
    throw unsupported("turnDetection", "the recogniser finds turns by silence alone");
  }
  const notes = newNotes();
  if (request.languageCode !== "") notes.ignored("config.languageCode");
  if (request.prompt !== "") notes.ignored("config.prompt");
  if (request.phrases.length > 0) notes.ignored("config.phrases");
  if (request.wordTimings) notes.ignored("config.wordTimings");
  if (request.speakerLabels) notes.ignored("config.speakerLabels");
  return notes.warnings;
}

async function* listen(
  socket: UpstreamSocket,
  recogniser: Recogniser,
  input: AsyncIterable<LiveInput>,
): AsyncGenerator<LiveEvent> {
  const messages = readMessages(socket);
  const wantsInput = () => recogniser.wantsInput;
  for await (const next of exchange({ messages, input, wantsInput, quietMs: recogniser.flushAfterMs })) {
    if (next.from === "caller") yield* await recogniser.take(next.input);
    if (next.from === "caller-end") await recogniser.end();
    if (next.from === "vendor") yield* await recogniser.hear(next.message);
    if (next.from === "nobody") yield* await recogniser.rest();
    if (!recogniser.finished) continue;
    return yield { type: "finished", usage: { inputAudioMs: Math.round(recogniser.sentMs), estimated: true } };
  }
  throw await closedTooSoon(socket, "the last transcript");
}

async function* readMessages(socket: UpstreamSocket): AsyncGenerator<JsonObject> {
  for await (const message of socket.messages) yield readMessage(message);
}

/** Messages that may be unanswered before the caller has to wait: a slow recogniser slows the caller. */
const maxUnanswered = 32;

/** A flush, and how many commits came right behind it, with no audio in between. */
interface Flush {
  readonly flush: FlushReason;
  echoes: number;
}

/** A message of ours: the length of its audio, or a flush. */
type Sent = { readonly milliseconds: number } | Flush;

/** Sends audio, and says when the recogniser has to begin anew: at once, and not with the next audio, which may never come. */
class Recogniser {
  readonly #socket: UpstreamSocket;
  readonly #settings: AsrSettings;
  readonly #utterances: Utterances;
  readonly #isManual: boolean;
  /** What was sent and not answered: there is one answer for each, in order. */
  readonly #sent: Sent[] = [];
  #bufferedMs = 0;
  #ended = false;
  sentMs = 0;

  constructor(socket: UpstreamSocket, settings: AsrSettings, request: LiveTranscriptionRequest) {
    this.#socket = socket;
    this.#settings = settings;
    const { turnDetection: turns, interim } = request;
    this.#utterances = new Utterances({ settings, turns, interim });
    this.#isManual = turns.mode === "manual";
  }

  get flushAfterMs(): number {
    return this.#settings.flushAfterMs;
  }

  get wantsInput(): boolean {
    return this.#sent.length < maxUnanswered;
  }

  get finished(): boolean {
    return this.#ended && this.#sent.length === 0;
  }

  async take(input: LiveInput): Promise<readonly LiveEvent[]> {
    if (input.type === "commit") return this.#endTurn();
    await this.#pass(input.data);
    return [];
  }

  async #pass(data: Uint8Array): Promise<void> {
    if (data.length === 0) return;
    const milliseconds = data.length / bytesPerMs;
    this.sentMs += milliseconds;
    this.#bufferedMs += milliseconds;
    await this.#send({ milliseconds }, data);
    if (this.#bufferedMs >= this.#settings.maxUtteranceSeconds * 1000) await this.#flush("too-long");
  }

  async end(): Promise<void> {
    this.#ended = true;
    await this.#flush("turn");
  }

  async hear(message: JsonObject): Promise<readonly LiveEvent[]> {
    const sent = this.#sent.shift();
    if (!sent) throw unreadableAnswer("an answer to nothing");
    if (message.type === "error") return [this.#fail(message, sent)];
    if (message.type !== ("flush" in sent ? "final" : "delta")) throw unreadableAnswer("an answer of the wrong type");
    if ("flush" in sent) return this.#finish(readAnswer(message), sent);
    const wasSpeaking = this.#utterances.speaking;
    const events = this.#utterances.hear(readAnswer(message), sent.milliseconds);
    if (wasSpeaking && !this.#utterances.speaking) await this.#flush("turn");
    return events;
  }

  /** Nothing comes any more: a client that leaves out silence says in this way that the speaker is silent. */
  async rest(): Promise<readonly LiveEvent[]> {
    if (!this.#utterances.hasSpeech) return [];
    await this.#flush("turn");
    return this.#utterances.stopSpeaking();
  }

  /** A chunk that failed is still in the recogniser's buffer, and is heard again with the next. A flush that failed is lost. */
  #fail(message: JsonObject, sent: Sent): LiveEvent {
    const said = `the recogniser reports an error: ${text(message.error).slice(0, 400) || "no explanation"}`;
    if ("flush" in sent) throw new LivellmError("unavailable", "provider_unavailable", said);
    this.#utterances.skip(sent.milliseconds);
    return { type: "warning", warning: { code: "provider-warning", message: said } };
  }

  #finish(answer: Answer, { flush, echoes }: Flush): readonly LiveEvent[] {
    const events = this.#utterances.finish(answer, flush);
    return [...events, ...Array.from({ length: echoes }, () => this.#utterances.endEmptyTurn())];
  }

  /** Each commit of the caller's ends one turn: one of nothing at once, or right behind the flush that is not answered yet. */
  async #endTurn(): Promise<readonly LiveEvent[]> {
    const last = this.#sent.at(-1);
    if (this.#bufferedMs > 0) await this.#flush("turn");
    else if (!this.#isManual) return [];
    else if (last && "flush" in last) last.echoes++;
    else return [this.#utterances.endEmptyTurn()];
    return [];
  }

  async #flush(flush: FlushReason): Promise<void> {
    if (this.#bufferedMs === 0) return;
    this.#bufferedMs = 0;
    await this.#send({ flush, echoes: 0 }, new Uint8Array(0));
  }

  async #send(sent: Sent, audio: Uint8Array): Promise<void> {
    this.#sent.push(sent);
    await this.#socket.sendText("flush" in sent ? toFlush(audio) : toChunk(audio));
  }
}

const toChunk = audioWriter({ audio: audioHere, final: false });
const toFlush = audioWriter({ audio: audioHere, final: true });

function readAnswer(message: JsonObject): Answer {
  const speechProbability = numberOf(message.speech_prob);
  return {
    text: text(message.text).trim(),
    tokenConfidence: numberOf(message.token_confidence),
    speechProbability,
    peakProbability: message.peak_speech_prob === undefined ? speechProbability : numberOf(message.peak_speech_prob),
  };
}

function numberOf(value: unknown): number {
  return typeof value === "number" ? value : 0;
}
