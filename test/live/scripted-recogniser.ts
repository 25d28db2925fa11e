import type { AudioFormat } from "../../src/core/audio-format.ts";
import { LivellmError } from "../../src/core/error.ts";
import type {
  LiveEvent,
  LiveInput,
  LiveTranscription,
  LiveTranscriptionRequest,
  TurnDetection,
} from "../../src/core/transcription.ts";

/** One session that a recogniser had. */
export interface RecogniserSession {
  readonly request: LiveTranscriptionRequest;
  readonly signal: AbortSignal;
  /** What it was sent, as far as the script read it; commits as "commit". */
  readonly heard: (Uint8Array | "commit")[];
  /** The next input; undefined at the end. */
  next(): Promise<LiveInput | undefined>;
  /** All audio heard, joined. */
  audio(): Uint8Array;
  /** Milliseconds heard, of PCM16 mono. */
  heardMs(): number;
}

export type RecogniserScript = (session: RecogniserSession, call: number) => AsyncGenerator<LiveEvent>;

export interface Recogniser extends LiveTranscription {
  readonly sessions: readonly RecogniserSession[];
}

export interface RecogniserOptions {
  readonly formats?: readonly AudioFormat[];
  readonly turnModes?: readonly TurnDetection["mode"][];
}

export const pcm16k: AudioFormat = { mimeType: "audio/pcm", sampleRateHertz: 16_000, channelCount: 1 };

/** A live recogniser that does what its script says, and remembers what it was sent. */
export function createRecogniser(script: RecogniserScript, options: RecogniserOptions = {}): Recogniser {
  const sessions: RecogniserSession[] = [];
  return {
    sessions,
    formats: () => options.formats ?? [pcm16k],
    turnModes: () => options.turnModes ?? ["silence", "manual"],
    async *stream(request, input, signal) {
      const session = createSession(request, input, signal);
      sessions.push(session);
      yield* script(session, sessions.length - 1);
    },
  };
}

function createSession(
  request: LiveTranscriptionRequest,
  input: AsyncIterable<LiveInput>,
  signal: AbortSignal,
): RecogniserSession {
  const inputs = input[Symbol.asyncIterator]();
  const heard: (Uint8Array | "commit")[] = [];
  const pieces = () => heard.filter((piece) => piece !== "commit");
  return {
    request,
    signal,
    heard,
    async next() {
      const { done, value } = await inputs.next();
      if (done) return undefined;
      heard.push(value.type === "audio" ? new Uint8Array(value.data) : "commit");
      return value;
    },
    audio: () => new Uint8Array(Buffer.concat(pieces())),
    heardMs: () => pieces().reduce((sum, { length }) => sum + length, 0) / 2 / (request.format.sampleRateHertz / 1000),
  };
}

/** What a script throws when its vendor dies. */
export function vendorDied(): LivellmError {
  return new LivellmError("unavailable", "network", "the connection was reset");
}

/** Waits for the signal alone, and throws its reason. */
export function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

/**
 * Says a final segment for each `everyMs` heard: its text is the first sample of it and the first behind it. Dies when it has
 * heard `diesAtMs`, in the middle of an interim segment where that is no multiple.
 */
export function readsNumbers({
  everyMs,
  diesAtMs = Infinity,
}: {
  everyMs: number;
  diesAtMs?: number;
}): RecogniserScript {
  return async function* (session) {
    yield { type: "accepted", requestId: "vendor-1" };
    let doneMs = 0;
    while (await session.next()) {
      while (session.heardMs() - doneMs >= everyMs) {
        yield segment(session, doneMs, doneMs + everyMs, true);
        doneMs += everyMs;
      }
      if (session.heardMs() > doneMs) yield segment(session, doneMs, session.heardMs(), false);
      if (session.heardMs() >= diesAtMs) throw vendorDied();
    }
    if (session.heardMs() > doneMs) yield segment(session, doneMs, session.heardMs(), true);
    yield { type: "finished", usage: {} };
  };
}

function segment(session: RecogniserSession, startMs: number, endMs: number, final: boolean): LiveEvent {
  const samples = new Int16Array(session.audio().buffer);
  const text = `${samples[startMs * 16]}-${samples[endMs * 16 - 1]}`;
  return { type: "segment", key: `at ${startMs}`, text, startMs, endMs, final };
}
