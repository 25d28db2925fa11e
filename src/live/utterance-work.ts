import type { LiveEvent, LiveTranscriptionRequest, Transcription, TranscriptionResult } from "../core/transcription.ts";
import { addUsage, type Usage } from "../core/usage.ts";
import { Outbox } from "../streams/outbox.ts";
import { linkedController } from "../streams/signals.ts";
import { worthAnotherTry } from "./try-again.ts";
import { transcribeUtterance, type Utterance } from "./utterance.ts";

export interface UtteranceWorkOptions {
  readonly transcription: Transcription;
  readonly request: LiveTranscriptionRequest;
  /** How long the transcription of one utterance may take. */
  readonly callTimeoutMs: number;
}

type Job =
  | { readonly type: "utterance"; readonly utterance: Utterance }
  | { readonly type: "turn-ended"; readonly offsetMs: number };

/** So much may wait to be done; then the audio waits. */
const mostWaiting = 4;

/** Has the utterances of one session transcribed, one after the other, and beside that the open one, now and then. */
export class UtteranceWork {
  readonly events = new Outbox<LiveEvent>(64);
  readonly #options: UtteranceWorkOptions;
  readonly #signal: AbortSignal;
  readonly #jobs = new Outbox<Job>(mostWaiting);
  readonly #warned = new Set<string>();
  #undone = 0;
  #interim: { readonly done: Promise<void>; readonly stop: () => void } | undefined;
  #usage: Usage = {};

  constructor(options: UtteranceWorkOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
  }

  /** Does what is added until there is no more. Throws when an utterance cannot be transcribed. */
  async run(): Promise<void> {
    for await (const job of this.#jobs.channel) {
      if (job.type === "utterance") await this.#transcribe(job.utterance);
      else await this.tell(job);
      this.#undone--;
    }
    await this.#stopInterim();
    await this.tell({ type: "finished", usage: this.#usage });
  }

  /** Resolves when there is room for more. */
  async add(job: Job): Promise<void> {
    this.#undone++;
    await this.#jobs.send(job, this.#signal);
  }

  end(): void {
    this.#jobs.channel.end();
  }

  async tell(event: LiveEvent): Promise<void> {
    await this.events.send(event, this.#signal);
  }

  /** Has the open utterance transcribed as far as it goes, unless there is something else to do. */
  offerInterim(utterance: () => Utterance): boolean {
    if (this.#interim || this.#undone > 0) return false;
    const controller = linkedController(this.#signal);
    const done = this.#transcribeInterim(utterance(), controller.signal).finally(() => {
      controller[Symbol.dispose]();
      this.#interim = undefined;
    });
    this.#interim = { done, stop: () => controller.abort(this.#signal.reason) };
    return true;
  }

  async #transcribe(utterance: Utterance): Promise<void> {
    await this.#stopInterim();
    const { segment, result } = await this.#callUntilDone(utterance);
    await this.tell({ type: "segment", final: true, ...segment });
    await this.#warn(result);
  }

  async #transcribeInterim(utterance: Utterance, signal: AbortSignal): Promise<void> {
    try {
      const { segment } = await this.#call(utterance, signal);
      if (!signal.aborted && segment.text !== "") await this.tell({ type: "segment", final: false, ...segment });
    } catch {
      // It was stopped, or it failed: then the whole utterance, which is transcribed anyway, succeeds or says why not.
    }
  }

  async #stopInterim(): Promise<void> {
    this.#interim?.stop();
    await this.#interim?.done;
  }

  /** One failure in passing is no reason to leave the target. */
  async #callUntilDone(utterance: Utterance) {
    for (let failures = 1; ; failures++) {
      try {
        return await this.#call(utterance, this.#signal);
      } catch (error) {
        if (!(await worthAnotherTry(error, failures, this.#signal))) throw error;
      }
    }
  }

  async #call(utterance: Utterance, signal: AbortSignal) {
    const { transcription, request, callTimeoutMs: timeoutMs } = this.#options;
    const transcribed = await transcribeUtterance(utterance, { transcription, request, timeoutMs }, signal);
    this.#usage = addUsage(this.#usage, transcribed.result.usage);
    return transcribed;
  }

  /** Every utterance gets the same warnings; the caller gets each once. */
  async #warn({ warnings = [] }: TranscriptionResult): Promise<void> {
    for (const warning of warnings) {
      const name = `${warning.code} ${warning.field} ${warning.message}`;
      if (this.#warned.has(name)) continue;
      this.#warned.add(name);
      await this.tell({ type: "warning", warning });
    }
  }
}
