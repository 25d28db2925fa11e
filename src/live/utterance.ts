import { floatToPcm } from "../audio/pcm.ts";
import { writeWav } from "../audio/wav.ts";
import type { Word } from "../core/audio-format.ts";
import { LivellmError } from "../core/error.ts";
import type {
  LiveTranscriptionRequest,
  TranscribedSegment,
  Transcription,
  TranscriptionResult,
} from "../core/transcription.ts";
import { linkedController } from "../streams/signals.ts";

/** A piece of speech. Times in milliseconds from the start of the session's audio. */
export interface Utterance {
  /** The same for each stage of one utterance. */
  readonly key: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly samples: Float32Array;
  readonly sampleRateHertz: number;
}

export interface TranscribedUtterance {
  readonly segment: TranscribedSegment & { readonly key: string };
  readonly result: TranscriptionResult;
}

/** Has an utterance transcribed as a WAV file. Throws `unavailable` when it takes longer than `timeoutMs`. */
export async function transcribeUtterance(
  utterance: Utterance,
  call: {
    readonly transcription: Transcription;
    readonly request: LiveTranscriptionRequest;
    readonly timeoutMs: number;
  },
  signal: AbortSignal,
): Promise<TranscribedUtterance> {
  using controller = linkedController(signal);
  const timer = setTimeout(() => controller.abort(tookTooLong(call.timeoutMs)), call.timeoutMs);
  try {
    const result = await call.transcription.transcribe(asRecording(utterance, call.request), controller.signal);
    return { result, segment: segmentOf(utterance, result) };
  } catch (error) {
    throw controller.signal.aborted ? controller.signal.reason : error;
  } finally {
    clearTimeout(timer);
  }
}

function asRecording({ samples, sampleRateHertz, startMs, endMs }: Utterance, request: LiveTranscriptionRequest) {
  const { format, interim, turnDetection, ...rest } = request;
  const pcm = { mimeType: "audio/pcm", sampleRateHertz, channelCount: 1 };
  return {
    ...rest,
    audio: writeWav(pcm, floatToPcm(samples)),
    mimeType: "audio/wav",
    filename: "utterance.wav",
    durationMs: Math.round(endMs - startMs),
  };
}

/** One segment, whatever the target made of it: where it ends is where the speaker paused. */
function segmentOf({ key, startMs, endMs }: Utterance, result: TranscriptionResult): TranscribedUtterance["segment"] {
  const words = result.segments.flatMap((segment) => segment.words ?? []);
  const [first] = result.segments;
  const speaker = result.segments.every((each) => each.speaker === first?.speaker) ? first?.speaker : undefined;
  const languageCode = result.languageCode ?? first?.languageCode;
  return {
    key,
    text: result.text.trim(),
    startMs,
    endMs,
    ...(words.length > 0 && { words: words.map((word) => later(word, startMs)) }),
    ...(result.segments.length === 1 && first?.confidence !== undefined && { confidence: first.confidence }),
    ...(languageCode && { languageCode }),
    ...(speaker && { speaker }),
  };
}

function later(word: Word, ms: number): Word {
  return { ...word, startMs: word.startMs + ms, endMs: word.endMs + ms };
}

function tookTooLong(timeoutMs: number): LivellmError {
  const message = `the transcription of an utterance took longer than the stall timeout of ${timeoutMs / 1000} s`;
  return new LivellmError("unavailable", "timeout", message);
}
