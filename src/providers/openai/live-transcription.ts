import type { InputAudioBufferClearEvent, InputAudioBufferCommitEvent } from "openai/resources/realtime/realtime";
import type { ProviderConnection } from "../../core/provider.ts";
import type { LiveEvent, LiveInput, LiveTranscription, LiveTranscriptionRequest } from "../../core/transcription.ts";
import type { Upstream } from "../../core/upstream.ts";
import { exchange } from "../openai-compatible/realtime-exchange.ts";
import { withSocket } from "../openai-compatible/realtime-socket.ts";
import { endEmptyTurn, type Hearing, isComplete, newHearing, readEvent, takeEvents } from "./live-hearing.ts";
import { liveModel } from "./live-models.ts";
import { type LiveCall, toTranscriptionSession } from "./live-request.ts";
import { bytesPerMs, realtimeFormats, silence } from "./realtime-format.ts";
import { openRealtime, type RealtimeSession, startSession } from "./realtime-session.ts";

/** Live transcription over a Realtime session with `intent=transcription`. */
export function createLiveTranscription(connection: ProviderConnection, upstream: Upstream): LiveTranscription {
  return {
    formats: () => realtimeFormats,
    turnModes: (model) => liveModel(model).turnModes,
    async *stream(request, input, signal) {
      const call = toTranscriptionSession(request);
      // Never with a model in the address: that would open a conversation.
      const query = { intent: "transcription" };
      const open = openRealtime(upstream, connection, { query, requestId: request.requestId });
      yield* withSocket(
        open,
        async function* (socket) {
          const session = await startSession(socket, call.session);
          yield accepted(session, request, call);
          yield* listen(session, request, input);
        },
        signal,
      );
    },
  };
}

function accepted(session: RealtimeSession, { model }: LiveTranscriptionRequest, { warnings }: LiveCall): LiveEvent {
  return { type: "accepted", model, requestId: session.id, warnings };
}

async function* listen(
  session: RealtimeSession,
  request: LiveTranscriptionRequest,
  input: AsyncIterable<LiveInput>,
): AsyncGenerator<LiveEvent> {
  const hearing = newHearing(request);
  const microphone = new Microphone(session, hearing, request);
  for await (const next of exchange({ messages: session.events, input })) {
    if (next.from === "caller") await microphone.take(next.input);
    if (next.from === "caller-end") await microphone.end();
    if (next.from === "vendor") readEvent(hearing, next.message);
    for (const told of takeEvents(hearing)) yield told;
    if (isComplete(hearing)) return yield { type: "finished", usage: hearing.usage };
  }
  throw await session.closedBefore("the last transcript");
}

/** A commit of less audio is refused: "buffer too small. Expected at least 100ms of audio". */
const shortestCommitMs = 100;

/** Sends the caller's audio, and knows how much of it is in the server's buffer. */
class Microphone {
  readonly #session: RealtimeSession;
  readonly #hearing: Hearing;
  readonly #format: LiveTranscriptionRequest["format"];
  readonly #isManual: boolean;
  #sentBytes = 0;
  /** Where the audio of our last commit ends. */
  #committedBytes = 0;
  #commits = 0;

  constructor(session: RealtimeSession, hearing: Hearing, { format, turnDetection }: LiveTranscriptionRequest) {
    this.#session = session;
    this.#hearing = hearing;
    this.#format = format;
    this.#isManual = turnDetection.mode === "manual";
  }

  take(input: LiveInput): Promise<void> {
    if (input.type === "commit") return this.#endTurn();
    this.#sentBytes += input.data.length;
    return this.#append(input.data);
  }

  /**
   * Commits what is left. The answer to `clear` comes after those to all that went before, so that after it the server has no
   * turn left to begin: only the transcripts of the turns that it has committed are still to come.
   */
  async end(): Promise<void> {
    await this.#commit();
    await this.#session.send({ type: "input_audio_buffer.clear" } satisfies InputAudioBufferClearEvent);
  }

  #append(audio: Uint8Array): Promise<void> {
    return audio.length > 0 ? this.#session.append(audio) : Promise.resolve();
  }

  /** Each commit of the caller's ends one turn; a server that finds turns has ended that of an empty buffer itself. */
  async #endTurn(): Promise<void> {
    if (this.#bufferedMs > 0) await this.#commit();
    else if (this.#isManual) endEmptyTurn(this.#hearing, Math.round(this.#sentMs));
  }

  get #sentMs(): number {
    return this.#sentBytes / bytesPerMs(this.#format);
  }

  /** As far as we know: the server may have just emptied its buffer. */
  get #bufferedMs(): number {
    return this.#sentMs - Math.max(this.#committedBytes / bytesPerMs(this.#format), this.#hearing.committedMs);
  }

  /** Nothing when the buffer is empty; when the server has just emptied it, it says so, and no harm is done. */
  async #commit(): Promise<void> {
    const bufferedMs = this.#bufferedMs;
    if (bufferedMs <= 0) return;
    if (bufferedMs < shortestCommitMs) await this.#append(silence(this.#format, shortestCommitMs - bufferedMs));
    this.#committedBytes = this.#sentBytes;
    const eventId = `commit_${++this.#commits}`;
    this.#hearing.commits.push({ eventId, endMs: Math.round(this.#sentMs), echoes: 0 });
    const event = { type: "input_audio_buffer.commit", event_id: eventId } as const;
    await this.#session.send(event satisfies InputAudioBufferCommitEvent);
  }
}
