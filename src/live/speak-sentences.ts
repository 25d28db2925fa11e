import type { AudioFormat } from "../core/audio-format.ts";
import { LivellmError } from "../core/error.ts";
import type { Speech, SpeechEvent, SpeechInput, SpeechRequest } from "../core/speech.ts";
import { addUsage, type Usage } from "../core/usage.ts";
import { linkedController } from "../streams/signals.ts";
import { Debts, whileOwing } from "./debts.ts";
import { SentenceQueue, type SpeakJob } from "./sentence-queue.ts";
import { worthAnotherTry } from "./try-again.ts";

/** A caller who has said nothing that could be spoken for so long may be waiting to hear that the session is accepted. */
const acceptAfterMs = 1000;

/** What is the same for every sentence. */
export interface SentencesCall {
  readonly request: Omit<SpeechRequest, "text">;
  /** How long a sentence under way may be silent. */
  readonly stallTimeoutMs: number;
}

type Sentence = Extract<SpeakJob, { type: "sentence" }>;

/**
 * Speaks a text that is still being written with a model that takes whole texts: one sentence after the other. The session is
 * accepted with the first sentence's audio, so that a target that cannot speak it is still followed by the next; or without,
 * when there is nothing to speak yet. `response` comes again with each sentence, in its own form.
 */
export async function* speakSentences(
  speech: Speech,
  call: SentencesCall,
  input: AsyncIterable<SpeechInput>,
  signal: AbortSignal,
): AsyncGenerator<SpeechEvent, void, undefined> {
  using controller = linkedController(signal);
  const { languageCode, model } = call.request;
  const queue = new SentenceQueue(languageCode, speech.longestText?.(model));
  const filling = queue.fill(input, controller.signal).catch((error) => controller.abort(error));
  const speaker = new SentenceSpeaker(speech, call, controller.signal);
  try {
    if (!(await speakableSoon(queue, controller.signal))) yield* speaker.accept(call.request.format);
    for (let job = await queue.next(controller.signal); job; job = await queue.next(controller.signal)) {
      if (job.type === "sentence") yield* speaker.speak(job);
      else {
        yield* speaker.accept(call.request.format);
        yield job;
      }
    }
    yield* speaker.accept(call.request.format);
    yield { type: "finished", usage: speaker.usage };
  } finally {
    controller.abort(over);
    await filling;
  }
}

const over = new LivellmError("canceled", "cancelled", "the session is over");

/** Whether something to do came before a caller would begin to wait. */
async function speakableSoon(queue: SentenceQueue, signal: AbortSignal): Promise<boolean> {
  using controller = linkedController(signal);
  const timer = setTimeout(() => controller.abort(over), acceptAfterMs);
  try {
    while (!queue.settled) await queue.changed(controller.signal);
    return true;
  } catch (error) {
    if (error === over && !signal.aborted) return false;
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

class SentenceSpeaker {
  usage: Usage = {};
  readonly #speech: Speech;
  readonly #call: SentencesCall;
  readonly #signal: AbortSignal;
  #accepted = false;

  constructor(speech: Speech, call: SentencesCall, signal: AbortSignal) {
    this.#speech = speech;
    this.#call = call;
    this.#signal = signal;
  }

  *accept(format: AudioFormat): Generator<SpeechEvent, void, undefined> {
    if (this.#accepted) return;
    this.#accepted = true;
    yield { type: "response", format };
  }

  /**
   * Its audio, as long as it is not cleared. In a session that was accepted, what fails before its first audio is asked for again:
   * nobody has noticed, and a session is for a whole conversation.
   */
  async *speak(sentence: Sentence): AsyncGenerator<SpeechEvent, void, undefined> {
    using controller = linkedController(this.#signal, sentence.signal);
    for (let failures = 1; !sentence.signal.aborted; failures++) {
      const attempt: Attempt = { accepted: this.#accepted, heard: false };
      try {
        return yield* this.#say(sentence, attempt);
      } catch (error) {
        if (sentence.signal.aborted && !this.#signal.aborted) return;
        if (!attempt.accepted || attempt.heard) throw error;
        if (!(await this.#mayAgain(error, failures, controller.signal))) throw error;
      }
    }
  }

  /** A sentence that is cleared meanwhile is not spoken again. */
  async #mayAgain(error: unknown, failures: number, signal: AbortSignal): Promise<boolean> {
    try {
      return await worthAnotherTry(error, failures, signal);
    } catch (aborted) {
      if (this.#signal.aborted) throw aborted;
      return true;
    }
  }

  async *#say(sentence: Sentence, attempt: Attempt): AsyncGenerator<SpeechEvent, void, undefined> {
    using controller = linkedController(this.#signal, sentence.signal);
    using debts = new Debts(this.#call.stallTimeoutMs, () => controller.abort(stalled(this.#call.stallTimeoutMs)));
    debts.owe("sentence");
    const request = { ...this.#call.request, text: sentence.text };
    let usage: Usage = {};
    try {
      const events = whileOwing(this.#speech.stream(request, controller.signal), debts, controller.signal);
      for await (const event of withHeadHeld(events)) {
        if (sentence.signal.aborted) return;
        attempt.heard = true;
        if (event.type === "finished") usage = event.usage;
        if (event.type === "response") this.#accepted = true;
        if (event.type === "finished") return;
        yield event;
      }
      throw endedEarly();
    } finally {
      const counts = attempt.heard || sentence.signal.aborted;
      if (counts) this.usage = addUsage(this.usage, { inputCharacters: [...sentence.text].length, ...usage });
    }
  }
}

/** One try to speak a sentence. */
interface Attempt {
  /** Whether the session had been accepted before. */
  readonly accepted: boolean;
  /** Whether something of it has been passed on. */
  heard: boolean;
}

/** What comes before the first audio is held back until then: the audio may never come. */
async function* withHeadHeld(events: AsyncIterable<SpeechEvent>): AsyncGenerator<SpeechEvent, void, undefined> {
  const held: SpeechEvent[] = [];
  let begun = false;
  for await (const event of events) {
    begun ||= event.type === "audio" || event.type === "finished";
    held.push(event);
    if (begun) yield* held.splice(0);
  }
}

function stalled(stallTimeoutMs: number): LivellmError {
  const message = `a sentence was not spoken on for the stall timeout of ${stallTimeoutMs / 1000} s`;
  return new LivellmError("unavailable", "timeout", message);
}

function endedEarly(): LivellmError {
  const message = "the speech of a sentence ended before the provider said that it is complete";
  return new LivellmError("unavailable", "stream_broken", message);
}
