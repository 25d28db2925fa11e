import { convertAudio } from "../../audio/convert.ts";
import { pcmToFloat } from "../../audio/pcm.ts";
import type { SegmenterEvent } from "../../audio/segmenter.ts";
import { containerName } from "../../audio/sniff.ts";
import { createSpeechSegmenter, type SpeechSegmenter } from "../../audio/speech-segmenter.ts";
import { readWav } from "../../audio/wav.ts";
import { LivellmError } from "../../core/error.ts";
import type { TranscribedSegment, Transcription, TranscriptionRequest } from "../../core/transcription.ts";
import type { LocalEngine } from "./engine.ts";
import { checkRecognition, maxUtteranceMs, toSegment } from "./recognise.ts";

/** Recordings written down by Moonshine: cut into utterances by voice activity, and one after the other. WAV only. */
export function createTranscription(engine: LocalEngine): Transcription {
  return {
    async transcribe(request, signal) {
      const warnings = checkRecognition(request);
      const recording = readRecording(request);
      await engine.requireInstalled();
      const segments = await Array.fromAsync(writeDown(engine, recording, signal));
      return {
        text: segments.map(({ text }) => text).join(" "),
        languageCode: "en",
        durationMs: recording.durationMs,
        segments,
        usage: { inputAudioMs: recording.durationMs },
        model: request.model,
        warnings,
      };
    },
  };
}

const inner = { mimeType: "audio/pcm", sampleRateHertz: 16_000, channelCount: 1 };

interface Recording {
  readonly model: string;
  /** At 16,000 Hz. */
  readonly samples: Float32Array;
  readonly durationMs: number;
}

/** As the models want it. Throws `failed_precondition` for what is not WAV, so that the next target may take it. */
function readRecording({ model, audio, mimeType }: TranscriptionRequest): Recording {
  const name = containerName(audio);
  if (name !== "WAV") throw notWav(name ?? mimeType);
  const { durationMs } = readWav(audio);
  const wav = { mimeType: "audio/wav", sampleRateHertz: 0, channelCount: 0 };
  return { model, durationMs, samples: pcmToFloat(convertAudio(audio, wav, inner)) };
}

function notWav(what: string): LivellmError {
  const description = `the local engine reads WAV and samples without a header; this is ${what}`;
  return new LivellmError("failed_precondition", "unsupported", `audio: ${description}`, {
    violations: [{ field: "audio", description, reason: "UNSUPPORTED" }],
  });
}

/** A second at a time, so that a long recording is not held twice, and a cancel is seen. */
const step = 16_000;

async function* writeDown(
  engine: LocalEngine,
  { model, samples }: Recording,
  signal: AbortSignal,
): AsyncGenerator<TranscribedSegment, void, undefined> {
  for await (const { utterance, audio } of findUtterances(engine, samples, signal)) {
    const { text } = await engine.moonshine.run({ model, samples: audio }, signal);
    if (text !== "") yield toSegment(text, utterance);
  }
}

async function* findUtterances(engine: LocalEngine, samples: Float32Array, signal: AbortSignal) {
  const segmenter = createSpeechSegmenter(engine.voiceActivity(), { maxUtteranceMs });
  const close = () => segmenter.close(); // which rejects what is pending
  signal.addEventListener("abort", close, { once: true });
  try {
    for (let at = 0; at < samples.length; at += step) {
      signal.throwIfAborted();
      yield* withAudio(await segmenter.push(samples.subarray(at, at + step)), segmenter);
    }
    yield* withAudio(segmenter.flush(), segmenter);
  } finally {
    signal.removeEventListener("abort", close);
    segmenter.close();
  }
}

function withAudio(events: readonly SegmenterEvent[], segmenter: SpeechSegmenter) {
  return events
    .filter((event) => event.type === "utterance")
    .map((utterance) => ({ utterance, audio: segmenter.audio(utterance.startSample, utterance.endSample) }));
}
