import { createFrameCarry, pcmToFloat } from "../../audio/pcm.ts";
import type { SegmenterEvent } from "../../audio/segmenter.ts";
import {
  createSpeechSegmenter,
  type SpeechSegmenter,
  type SpeechSegmenterOptions,
} from "../../audio/speech-segmenter.ts";
import type { LiveEvent, LiveInput, LiveTranscriptionRequest, TurnDetection } from "../../core/transcription.ts";
import { Channel } from "../../streams/channel.ts";
import { type LinkedController, linkedController } from "../../streams/signals.ts";
import type { LocalEngine } from "./engine.ts";
import { maxUtteranceMs, samplesPerMs, toMs, toSegment, type Utterance } from "./recognise.ts";
import { RecognitionQueue } from "./recognition-queue.ts";

/** How much more audio an utterance has to have before it is written down again while it lasts. */
const interimEveryMs = 700;

/** Events that wait for the reader before the input is left to wait too. */
const eventsAhead = 32;

/** Utterances that wait to be written down before the input is left to wait too. */
const utterancesAhead = 4;

/**
 * One live session. Listening and writing down go on side by side, so that the start and end of speech are told at
 * once; what is written down is told in order.
 */
export class LiveSession {
  readonly #engine: LocalEngine;
  readonly #request: LiveTranscriptionRequest;
  readonly #controller: LinkedController;
  readonly #segmenter: SpeechSegmenter;
  readonly #queue: RecognitionQueue;
  readonly #events: Channel<LiveEvent>;
  readonly #wholeSamples = createFrameCarry(2);
  /** Pending while the reader is behind. */
  #room: PromiseWithResolvers<void> | undefined;
  #utteranceNumber = 1;
  /** Where the speech under way began. */
  #speechSample = 0;
  /** How far the utterance under way has been written down, and whether that was told. */
  #interim = { endSample: 0, told: false };

  constructor(engine: LocalEngine, request: LiveTranscriptionRequest, signal: AbortSignal) {
    this.#engine = engine;
    this.#request = request;
    this.#controller = linkedController(signal);
    this.#segmenter = createSpeechSegmenter(engine.voiceActivity(), segmentation(request.turnDetection));
    this.#events = new Channel(eventsAhead, () => this.#goOn());
    this.#queue = new RecognitionQueue(
      (samples, jobSignal) => this.#recognise(samples, jobSignal),
      this.#controller.signal,
      (error) => this.#events.fail(error),
    );
  }

  /** The model is there before the session is accepted. */
  async load(): Promise<void> {
    await this.#recognise(new Float32Array(0), this.#controller.signal);
  }

  async *run(input: AsyncIterable<LiveInput>): AsyncGenerator<LiveEvent, void, undefined> {
    const { signal } = this.#controller;
    const iterator = input[Symbol.asyncIterator]();
    signal.addEventListener("abort", () => this.#events.fail(signal.reason), { once: true });
    this.#listen(iterator).then(
      () => this.#events.end(),
      (error) => this.#events.fail(error),
    );
    try {
      yield* this.#events;
    } finally {
      this.close(); // first, because a generator's `return()` waits for its pending `next()`
      iterator.return?.().catch(() => undefined);
    }
  }

  close(): void {
    this.#controller.abort(new Error("the session is over"));
    this.#controller[Symbol.dispose]();
    this.#segmenter.close();
    this.#goOn();
  }

  async #listen(input: AsyncIterator<LiveInput>): Promise<void> {
    for (let next = await input.next(); !next.done; next = await input.next()) {
      this.#controller.signal.throwIfAborted();
      if (next.value.type === "audio") await this.#hear(next.value.data);
      else this.#commit();
      if (this.#queue.length > utterancesAhead) await this.#queue.drained();
      await this.#room?.promise;
    }
    this.#handle(this.#segmenter.flush());
    await this.#queue.drained();
    this.#tell({ type: "finished", usage: { inputAudioMs: toMs(this.#segmenter.endSample) } });
  }

  async #hear(data: Uint8Array): Promise<void> {
    this.#handle(await this.#segmenter.push(pcmToFloat(this.#wholeSamples(data))));
    if (this.#request.interim) this.#considerInterim();
  }

  /** The caller has ended the turn: it is answered even where nobody spoke. */
  #commit(): void {
    const offsetMs = toMs(this.#segmenter.endSample);
    const events = this.#segmenter.flush();
    this.#handle(events);
    if (events.length === 0) this.#queue.run(() => this.#tell({ type: "turn-ended", offsetMs }));
  }

  #handle(events: readonly SegmenterEvent[]): void {
    for (const event of events) {
      if (event.type === "speech-started") this.#speechSample = event.sample;
      if (event.type === "utterance") this.#writeDown(event);
      else this.#tell({ type: event.type, offsetMs: toMs(event.sample) });
    }
    const ended = events.find((event) => event.type === "speech-ended");
    if (ended) this.#queue.run(() => this.#tell({ type: "turn-ended", offsetMs: toMs(ended.sample) }));
  }

  #writeDown(utterance: Utterance): void {
    const key = `utterance-${this.#utteranceNumber++}`;
    const interim = this.#interim;
    this.#interim = { endSample: 0, told: false };
    this.#speechSample = utterance.endSample;
    this.#queue.final(this.#segmenter.audio(utterance.startSample, utterance.endSample), (text) => {
      const segment = toSegment(text, utterance);
      if (text !== "" || interim.told) this.#tell({ type: "segment", key, final: true, ...segment });
    });
  }

  /** Only when there is nothing else to do: what is final goes first, in this session and in others. */
  #considerInterim(): void {
    const { openSample, endSample } = this.#segmenter;
    if (openSample === undefined || this.#queue.length > 0 || !this.#engine.moonshine.idle) return;
    if (endSample - Math.max(openSample, this.#interim.endSample) < interimEveryMs * samplesPerMs) return;
    const interim = this.#interim;
    interim.endSample = endSample;
    const times = { startMs: toMs(this.#speechSample), endMs: toMs(endSample) };
    const key = `utterance-${this.#utteranceNumber}`;
    this.#queue.interim(this.#segmenter.audio(openSample, endSample), (text) => {
      if (text === "") return;
      interim.told = true;
      this.#tell({ type: "segment", key, final: false, text, ...times });
    });
  }

  async #recognise(samples: Float32Array, signal: AbortSignal): Promise<string> {
    return (await this.#engine.moonshine.run({ model: this.#request.model, samples }, signal)).text;
  }

  #tell(event: LiveEvent): void {
    if (!this.#events.push(event)) this.#room ??= Promise.withResolvers();
  }

  #goOn(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }
}

/** What the caller left open is the segmenter's own. */
function segmentation(turns: TurnDetection): SpeechSegmenterOptions {
  if (turns.mode !== "silence") return { silenceMs: Number.POSITIVE_INFINITY, maxUtteranceMs };
  const { threshold, silenceMs, prefixMs } = turns;
  return { threshold, silenceMs, prefixMs, maxUtteranceMs };
}
