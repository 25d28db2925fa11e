import type { CreateVoiceActivity } from "../audio/vad.ts";
import type { AudioFormat } from "../core/audio-format.ts";
import { LivellmError } from "../core/error.ts";
import type {
  LiveEvent,
  LiveInput,
  LiveTranscription,
  LiveTranscriptionRequest,
  Transcription,
} from "../core/transcription.ts";
import { orAborted } from "../streams/abortable.ts";
import { linkedController } from "../streams/signals.ts";
import { UtteranceEar } from "./utterance-ear.ts";
import { UtteranceWork } from "./utterance-work.ts";

/** What is needed to make a live transcription of one of recordings. */
export interface SegmentingOptions {
  readonly createVoiceActivity: CreateVoiceActivity;
  /** How long the transcription of one utterance may take. */
  readonly callTimeoutMs: number;
}

/** What recognisers of recordings work on inside. */
const format: AudioFormat = { mimeType: "audio/pcm", sampleRateHertz: 16_000, channelCount: 1 };

/**
 * Makes a live transcription out of one of recordings: voice activity cuts the audio into utterances, each is transcribed as
 * a WAV file, and one follows the other. Interim segments, where wanted, are the open utterance transcribed again, one at a
 * time, each when it has grown by a half and by a second at least: what is sent is at most four times what was said.
 */
export function segmentedTranscription(transcription: Transcription, options: SegmentingOptions): LiveTranscription {
  return {
    formats: () => [format],
    turnModes: () => ["silence", "manual"],
    async *stream(request, input, signal) {
      using controller = linkedController(signal);
      const { callTimeoutMs, createVoiceActivity } = options;
      const work = new UtteranceWork({ transcription, request, callTimeoutMs }, controller.signal);
      const stop = (error: unknown) => {
        work.events.channel.fail(error);
        controller.abort(error);
      };
      const ear = { request, createVoiceActivity, work, signal: controller.signal };
      const hearing = hear(input, ear).then(() => work.end(), stop);
      const working = work.run().then(() => work.events.channel.end(), stop);
      try {
        yield { type: "accepted" } satisfies LiveEvent;
        yield* work.events.channel;
      } finally {
        controller.abort(over);
        work.end();
        await Promise.all([hearing, working]);
      }
    },
  };
}

const over = new LivellmError("canceled", "cancelled", "the session is over");

async function hear(
  input: AsyncIterable<LiveInput>,
  {
    request,
    createVoiceActivity,
    work,
    signal,
  }: {
    readonly request: LiveTranscriptionRequest;
    readonly createVoiceActivity: CreateVoiceActivity;
    readonly work: UtteranceWork;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const ear = new UtteranceEar(request, await createVoiceActivity(), work);
  const inputs = input[Symbol.asyncIterator]();
  try {
    for (;;) {
      const { done, value } = await orAborted(inputs.next(), signal);
      if (done) return await ear.end();
      if (value.type === "audio") await ear.hear(value.data);
      else await ear.endTurn();
    }
  } finally {
    ear.close();
  }
}
