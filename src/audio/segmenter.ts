/** How speech is cut into utterances. Times in milliseconds. */
export interface SegmenterOptions {
  readonly sampleRateHertz: number;
  readonly frameSamples: number;
  /** A frame with this probability begins speech; 0.15 less keeps it going. 0.5. */
  readonly threshold?: number;
  /** How long the silence is that ends an utterance; Infinity: only `flush` does. 500. */
  readonly silenceMs?: number;
  /** How much audio before the speech began belongs to it. 300. */
  readonly prefixMs?: number;
  /** What is shorter is no speech: a click, a cough. 64. */
  readonly minSpeechMs?: number;
  /** An utterance is cut when it is so long, at the quietest place of its last quarter. 30,000. */
  readonly maxUtteranceMs?: number;
}

/** What was found, in samples from the start of the audio. */
export type SegmenterEvent =
  | { readonly type: "speech-started"; readonly sample: number }
  /** Said when the silence has lasted long enough; the sample is where it began. */
  | { readonly type: "speech-ended"; readonly sample: number }
  | {
      readonly type: "utterance";
      /** With the prefix; never before the end of the one before. */
      readonly startSample: number;
      /** With up to 300 ms of the silence behind it. */
      readonly endSample: number;
      /** The same without prefix and silence. */
      readonly speechStartSample: number;
      readonly speechEndSample: number;
      /** False: it was cut because it is long, and the next one follows on the sample. */
      readonly complete: boolean;
    };

/** Finds utterances from the probability of speech in each frame. A pure state machine: no audio, no clock. */
export interface Segmenter {
  /** The next frame. `speech-ended` comes before the utterance that it ends. */
  push(probability: number): readonly SegmenterEvent[];
  /**
   * The turn is over here, silence or not; frames go on counting. `heardSample` is how much audio there is, when that
   * is more than the frames given.
   */
  flush(heardSample?: number): readonly SegmenterEvent[];
  /** Where the utterance began that is under way. */
  readonly openSample: number | undefined;
  /** No event to come is about audio before this. */
  readonly neededSample: number;
}

/** Speech goes on while the probability is no further below the threshold. */
const hysteresis = 0.15;

/** How much silence stays behind an utterance: recognisers miss the last sound of what ends too sharply. */
const suffixMs = 300;

export function createSegmenter(options: SegmenterOptions): Segmenter {
  return new ProbabilitySegmenter(options);
}

interface Utterance {
  startSample: number;
  speechStart: number;
  /** The end of the last frame that was speech. */
  speechEnd: number;
  /** Where it would be cut: the end of the least likely frame in the last quarter. */
  cut: { readonly sample: number; readonly probability: number } | undefined;
}

class ProbabilitySegmenter implements Segmenter {
  readonly #frameSamples: number;
  readonly #threshold: number;
  readonly #silence: number;
  readonly #prefix: number;
  readonly #suffix: number;
  readonly #minSpeech: number;
  readonly #longest: number;
  /** Samples heard. */
  #now = 0;
  /** The end of the last utterance. */
  #done = 0;
  /** Where a run of speech began that is not long enough yet. */
  #candidate: number | undefined;
  #open: Utterance | undefined;

  constructor(options: SegmenterOptions) {
    const samples = (ms: number) => (ms * options.sampleRateHertz) / 1000;
    this.#frameSamples = options.frameSamples;
    this.#threshold = options.threshold ?? 0.5;
    this.#silence = samples(options.silenceMs ?? 500);
    this.#prefix = Math.round(samples(options.prefixMs ?? 300));
    this.#suffix = Math.round(samples(suffixMs));
    this.#minSpeech = samples(options.minSpeechMs ?? 64);
    this.#longest = samples(options.maxUtteranceMs ?? 30_000);
  }

  get openSample(): number | undefined {
    return this.#open?.startSample;
  }

  get neededSample(): number {
    return this.#open?.startSample ?? Math.max(this.#done, (this.#candidate ?? this.#now) - this.#prefix);
  }

  push(probability: number): readonly SegmenterEvent[] {
    const frameStart = this.#now;
    this.#now += this.#frameSamples;
    return this.#open ? this.#goOn(this.#open, probability) : this.#wait(frameStart, probability);
  }

  flush(heardSample = this.#now): readonly SegmenterEvent[] {
    this.#candidate = undefined;
    const events = this.#open ? this.#end(this.#open, heardSample) : [];
    this.#done = heardSample;
    return events;
  }

  #wait(frameStart: number, probability: number): readonly SegmenterEvent[] {
    if (probability < this.#threshold) {
      this.#candidate = undefined;
      return [];
    }
    this.#candidate ??= frameStart;
    if (this.#now - this.#candidate < this.#minSpeech) return [];
    const sample = Math.max(this.#done, this.#candidate);
    this.#open = {
      startSample: Math.max(this.#done, sample - this.#prefix),
      speechStart: sample,
      speechEnd: this.#now,
      cut: undefined,
    };
    this.#candidate = undefined;
    return [{ type: "speech-started", sample }];
  }

  #goOn(open: Utterance, probability: number): readonly SegmenterEvent[] {
    if (probability >= this.#threshold - hysteresis) open.speechEnd = this.#now;
    else if (this.#now - open.speechEnd >= this.#silence) return this.#end(open);
    const length = this.#now - open.startSample;
    if (length >= this.#longest * 0.75 && probability <= (open.cut?.probability ?? 1))
      open.cut = { sample: this.#now, probability };
    return length >= this.#longest ? this.#split(open) : [];
  }

  /** What is left of an utterance that was cut may be silence alone: then the speech ends without another one. */
  #end(open: Utterance, heardSample = this.#now): readonly SegmenterEvent[] {
    this.#open = undefined;
    const ended: SegmenterEvent = { type: "speech-ended", sample: open.speechEnd };
    if (open.speechEnd <= open.startSample) return [ended];
    const endSample = Math.min(heardSample, open.speechEnd + this.#suffix);
    this.#done = endSample;
    return [ended, toUtterance(open, { endSample, speechEndSample: open.speechEnd, complete: true })];
  }

  /** Of silence alone there is no utterance: it is let go of. */
  #split(open: Utterance): readonly SegmenterEvent[] {
    const isSilent = open.speechEnd <= open.startSample;
    const endSample = isSilent ? this.#now : (open.cut?.sample ?? this.#now);
    this.#open = { startSample: endSample, speechStart: endSample, speechEnd: open.speechEnd, cut: undefined };
    this.#done = endSample;
    const speechEndSample = Math.min(endSample, open.speechEnd);
    return isSilent ? [] : [toUtterance(open, { endSample, speechEndSample, complete: false })];
  }
}

function toUtterance(
  { startSample, speechStart }: Utterance,
  end: { readonly endSample: number; readonly speechEndSample: number; readonly complete: boolean },
): SegmenterEvent {
  return { type: "utterance", startSample, speechStartSample: speechStart, ...end };
}
