import { type Converter, createConverter } from "../audio/convert.ts";
import { pcmToFloat } from "../audio/pcm.ts";
import type { SegmenterEvent } from "../audio/segmenter.ts";
import { createSpeechSegmenter, type SpeechSegmenter } from "../audio/speech-segmenter.ts";
import type { VoiceActivity } from "../audio/vad.ts";
import type { LiveTranscriptionRequest } from "../core/transcription.ts";
import type { Utterance } from "./utterance.ts";
import type { UtteranceWork } from "./utterance-work.ts";

/** Hears the audio of one session and cuts it into utterances, which it hands to `work`. */
export class UtteranceEar {
  readonly #work: UtteranceWork;
  readonly #segmenter: SpeechSegmenter;
  readonly #converter: Converter;
  readonly #rate: number;
  /** Whether silence ends turns; the caller does otherwise. */
  readonly #endsTurns: boolean;
  readonly #wantsInterim: boolean;
  #asked = { startSample: -1, samples: 0 };

  /** The detector is closed with the ear. */
  constructor(request: LiveTranscriptionRequest, voiceActivity: VoiceActivity, work: UtteranceWork) {
    const { format, turnDetection, interim } = request;
    const { sampleRateHertz } = voiceActivity;
    this.#work = work;
    this.#rate = sampleRateHertz;
    this.#endsTurns = turnDetection.mode !== "manual";
    this.#wantsInterim = interim;
    this.#converter = createConverter(format, { mimeType: "audio/pcm", sampleRateHertz, channelCount: 1 });
    this.#segmenter = createSpeechSegmenter(voiceActivity, turnDetection.mode === "silence" ? turnDetection : {});
  }

  async hear(bytes: Uint8Array): Promise<void> {
    await this.#take(await this.#segmenter.push(pcmToFloat(this.#converter.push(bytes))));
    if (this.#wantsInterim) this.#offerInterim();
  }

  async endTurn(): Promise<void> {
    await this.#take(this.#segmenter.flush());
    if (!this.#endsTurns) await this.#endTurnAt(this.#segmenter.endSample);
  }

  async end(): Promise<void> {
    await this.#take(await this.#segmenter.push(pcmToFloat(this.#converter.flush())));
    await this.#take(this.#segmenter.flush());
  }

  close(): void {
    this.#segmenter.close();
  }

  /** What was found with the latest audio, the samples of which are still there. */
  async #take(found: readonly SegmenterEvent[]): Promise<void> {
    for (const event of found) {
      if (event.type !== "utterance") {
        await this.#work.tell({ type: event.type, offsetMs: this.#toMs(event.sample) });
        continue;
      }
      await this.#work.add({ type: "utterance", utterance: this.#utterance(event.startSample, event.endSample) });
      if (event.complete && this.#endsTurns) await this.#endTurnAt(event.endSample);
    }
  }

  #utterance(startSample: number, endSample: number): Utterance {
    return {
      key: `utterance-${startSample}`,
      startMs: this.#toMs(startSample),
      endMs: this.#toMs(endSample),
      samples: this.#segmenter.audio(startSample, endSample),
      sampleRateHertz: this.#rate,
    };
  }

  async #endTurnAt(sample: number): Promise<void> {
    await this.#work.add({ type: "turn-ended", offsetMs: this.#toMs(sample) });
  }

  /** When the open utterance has grown by a half since the last time, and by a second at least. */
  #offerInterim(): void {
    const { openSample: startSample, endSample } = this.#segmenter;
    if (startSample === undefined) return;
    const samples = endSample - startSample;
    const before = this.#asked.startSample === startSample ? this.#asked.samples : 0;
    if (samples - before < Math.max(this.#rate, before / 2)) return;
    if (this.#work.offerInterim(() => this.#utterance(startSample, endSample))) this.#asked = { startSample, samples };
  }

  #toMs(sample: number): number {
    return (sample * 1000) / this.#rate;
  }
}
