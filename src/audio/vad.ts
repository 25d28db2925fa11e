/** Tells speech from everything else, frame by frame. It remembers what it heard: one for each stream. */
export interface VoiceActivity {
  /** Samples in a frame. */
  readonly frameSamples: number;
  readonly sampleRateHertz: number;
  /**
   * How likely it is, from 0 to 1, that a frame is speech. `frame`: exactly `frameSamples` samples from -1 to 1; the
   * next one is given when the answer is there.
   */
  probability(frame: Float32Array): number | Promise<number>;
  /** Lets go of it; nothing is asked after, and what is pending rejects. */
  close(): void;
}

/** Makes one for a stream. */
export type CreateVoiceActivity = () => Promise<VoiceActivity>;
