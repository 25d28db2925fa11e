import type { LiveEvent, LiveInput, LiveTranscription, LiveTranscriptionRequest } from "../../core/transcription.ts";
import type { LocalEngine } from "./engine.ts";
import { LiveSession } from "./live-session.ts";
import { checkRecognition } from "./recognise.ts";

const modes = ["silence", "manual"] as const;

/**
 * Live audio written down by Moonshine: Silero's voice activity finds the utterances, and each is written down when it
 * ends, or when the caller commits. Interim results are made by writing down what there is of an utterance so far.
 */
export function createLiveTranscription(engine: LocalEngine): LiveTranscription {
  return {
    formats: () => [{ mimeType: "audio/pcm", sampleRateHertz: 16_000, channelCount: 1 }],
    turnModes: () => modes,
    stream: (request, input, signal) => transcribe(engine, request, { input, signal }),
  };
}

async function* transcribe(
  engine: LocalEngine,
  request: LiveTranscriptionRequest,
  { input, signal }: { readonly input: AsyncIterable<LiveInput>; readonly signal: AbortSignal },
): AsyncGenerator<LiveEvent, void, undefined> {
  const warnings = checkRecognition(request);
  await engine.requireInstalled();
  const session = new LiveSession(engine, request, signal);
  try {
    await session.load();
    yield { type: "accepted", model: request.model, warnings };
    yield* session.run(input);
  } finally {
    session.close();
  }
}
