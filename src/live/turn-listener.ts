import { type Converter, createConverter } from "../audio/convert.ts";
import { joinSamples, pcmToFloat } from "../audio/pcm.ts";
import { createSegmenter, type Segmenter, type SegmenterEvent } from "../audio/segmenter.ts";
import type { VoiceActivity } from "../audio/vad.ts";
import type { AudioFormat } from "../core/audio-format.ts";
import type { TurnDetection } from "../core/transcription.ts";

export interface TurnListenerOptions {
  readonly silence: Extract<TurnDetection, { mode: "silence" }>;
  /** Of the audio that is heard. */
  readonly format: AudioFormat;
  /** Closed with the listener. */
  readonly voiceActivity: VoiceActivity;
}

/** Times in milliseconds from the first audio heard. */
export type Heard =
  | { readonly type: "speech-started" | "speech-ended"; readonly offsetMs: number }
  | { readonly type: "turn-ended"; readonly speechEndMs: number };

/** Hears in a caller's audio when turns end, for targets that have to be told. A turn may be of any length. */
export class TurnListener {
  readonly #voiceActivity: VoiceActivity;
  readonly #segmenter: Segmenter;
  readonly #converter: Converter;
  #speechEndMs = 0;
  #rest: Float32Array = new Float32Array(0);

  constructor({ silence, format, voiceActivity }: TurnListenerOptions) {
    const { sampleRateHertz, frameSamples } = voiceActivity;
    this.#voiceActivity = voiceActivity;
    this.#converter = createConverter(format, { mimeType: "audio/pcm", sampleRateHertz, channelCount: 1 });
    this.#segmenter = createSegmenter({
      sampleRateHertz,
      frameSamples,
      threshold: silence.threshold,
      silenceMs: silence.silenceMs,
      maxUtteranceMs: Number.POSITIVE_INFINITY,
    });
  }

  /** What is found with these bytes; they are whole samples, and come one call after the other. */
  async hear(bytes: Uint8Array): Promise<readonly Heard[]> {
    const samples = joinSamples(this.#rest, pcmToFloat(this.#converter.push(bytes)));
    const { frameSamples } = this.#voiceActivity;
    const events: SegmenterEvent[] = [];
    let at = 0;
    for (; at + frameSamples <= samples.length; at += frameSamples) {
      const probability = await this.#voiceActivity.probability(samples.subarray(at, at + frameSamples));
      events.push(...this.#segmenter.push(probability));
    }
    this.#rest = samples.slice(at);
    return events.flatMap((event) => this.#toHeard(event));
  }

  /** The caller has said that the turn is over: what is found of its end. */
  endTurn(): readonly Heard[] {
    return this.#segmenter.flush().flatMap((event) => (event.type === "utterance" ? [] : this.#toHeard(event)));
  }

  close(): void {
    this.#voiceActivity.close();
  }

  #toHeard(event: SegmenterEvent): readonly Heard[] {
    if (event.type === "utterance") return [{ type: "turn-ended", speechEndMs: this.#speechEndMs }];
    const offsetMs = (event.sample * 1000) / this.#voiceActivity.sampleRateHertz;
    if (event.type === "speech-ended") this.#speechEndMs = offsetMs;
    return [{ type: event.type, offsetMs }];
  }
}
