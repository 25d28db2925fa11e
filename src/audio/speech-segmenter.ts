import { joinSamples } from "./pcm.ts";
import { createSampleWindow } from "./sample-window.ts";
import { createSegmenter, type SegmenterEvent, type SegmenterOptions } from "./segmenter.ts";
import type { VoiceActivity } from "./vad.ts";

/** Cuts a stream of samples into utterances, and keeps the audio of the one that is under way. */
export interface SpeechSegmenter {
  /** The next samples, from -1 to 1 at the detector's rate, in order: wait for one call before the next. */
  push(samples: Float32Array): Promise<readonly SegmenterEvent[]>;
  /** The turn, or the audio, is over: the utterance under way ends here. */
  flush(): readonly SegmenterEvent[];
  /** The samples of an utterance; to be asked before the next `push`. */
  audio(startSample: number, endSample: number): Float32Array;
  /** Where the utterance began that is under way. */
  readonly openSample: number | undefined;
  /** Samples heard so far. */
  readonly endSample: number;
  /** Closes the detector too. */
  close(): void;
}

export type SpeechSegmenterOptions = Omit<SegmenterOptions, "sampleRateHertz" | "frameSamples">;

export function createSpeechSegmenter(vad: VoiceActivity, options: SpeechSegmenterOptions): SpeechSegmenter {
  const segmenter = createSegmenter({
    ...options,
    sampleRateHertz: vad.sampleRateHertz,
    frameSamples: vad.frameSamples,
  });
  const window = createSampleWindow();
  let rest: Float32Array = new Float32Array(0);
  return {
    async push(samples) {
      window.forget(segmenter.neededSample);
      window.append(samples);
      const all = joinSamples(rest, samples);
      const events: SegmenterEvent[] = [];
      let at = 0;
      for (; at + vad.frameSamples <= all.length; at += vad.frameSamples) {
        events.push(...segmenter.push(await vad.probability(all.subarray(at, at + vad.frameSamples))));
      }
      rest = all.slice(at);
      return events;
    },
    flush: () => segmenter.flush(window.endSample),
    audio: (startSample, endSample) => window.slice(startSample, endSample),
    get openSample() {
      return segmenter.openSample;
    },
    get endSample() {
      return window.endSample;
    },
    close: () => vad.close(),
  };
}
