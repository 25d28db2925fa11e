import type { JsonObject } from "../../core/json.ts";
import type { SpeechEvent, SpeechInput } from "../../core/speech.ts";
import type { UpstreamSocket } from "../../core/upstream.ts";
import { object, text } from "../openai-compatible/json-fields.ts";
import { writeJson } from "../openai-compatible/json-text.ts";
import { readSocketAlignment, toWords, WordReader } from "./alignment.ts";
import { sessionError } from "./error.ts";
import type { SpeechCall } from "./speech-request.ts";

/** What may wait here for a flush to end; more waits at the caller. */
const maxWaitingCharacters = 100_000;

/** Contexts of one socket: with a sixth the server closes it. One of them is for the text that is to come. */
const maxClosingContexts = 4;

/**
 * One speaking session. Text goes to a context of the server's. A flush closes it, and only then does the server say when all
 * of it has been spoken; what comes meanwhile waits, so that audio is never mixed. To clear is to leave the context and to
 * overhear what still comes of it.
 */
export class Speaker {
  #socket: UpstreamSocket | undefined;
  readonly #call: SpeechCall;
  /** Undefined when nobody asked for words. */
  readonly #words: WordReader | undefined;
  /** Inputs that wait for the end of a flush. */
  #waiting: SpeechInput[] = [];
  #contexts = 0;
  /** The context that takes text. */
  #open: string | undefined;
  /** The context whose end ends a flush, and whether the caller asked for that. */
  #flushing: string | undefined;
  #flushIsTold = false;
  /** What the context that is open, or is being flushed, was sent, and whether something of it has been heard. */
  #said = "";
  #heard = false;
  /** Contexts that were cleared and that the server has not ended yet. */
  readonly #cleared = new Set<string>();
  #ended = false;
  spokenCharacters = 0;

  constructor(call: SpeechCall, wordTimings: boolean) {
    this.#call = call;
    this.#words = wordTimings ? new WordReader("piece") : undefined;
  }

  get wantsInput(): boolean {
    const characters = this.#waiting.reduce((sum, input) => sum + (input.type === "text" ? input.text.length : 1), 0);
    return characters < maxWaitingCharacters;
  }

  get finished(): boolean {
    return this.#ended && this.idle;
  }

  /** Whether nothing is to be spoken, and nothing is being spoken. */
  get idle(): boolean {
    return !this.#open && !this.#flushing && this.#waiting.length === 0;
  }

  /** Whether another connection could say all that is to be said, so that nobody hears anything twice. */
  get nothingBegun(): boolean {
    return this.idle || !this.#heard;
  }

  /** From now on over this connection, which knows of no context that was begun or cleared on another. */
  async speakOver(socket: UpstreamSocket): Promise<void> {
    this.#socket = socket;
    this.#cleared.clear();
    if (!this.#open && !this.#flushing) return;
    const wasFlushed = this.#flushing !== undefined;
    const said = this.#said;
    this.#flushing = undefined;
    this.#open = await this.#openContext();
    await this.#sendText(said);
    if (wasFlushed) await this.#flush(this.#flushIsTold);
  }

  async take(input: SpeechInput): Promise<readonly SpeechEvent[]> {
    if (input.type === "clear") return this.#clear();
    this.#waiting.push(input);
    return this.#goOn();
  }

  /** The end of the text is a flush that nobody is told of. */
  async end(): Promise<void> {
    this.#ended = true;
    await this.#goOn();
  }

  async hear(message: JsonObject): Promise<readonly SpeechEvent[]> {
    if (message.error !== undefined && message.error !== null) throw toError(message);
    const context = text(message.contextId) || text(message.context_id) || (this.#flushing ?? this.#open ?? "");
    if (this.#cleared.has(context)) return this.#overhear(context, message);
    const events = [...readAudio(message), ...this.#readWords(message)];
    this.#heard ||= events.length > 0;
    if (!isFinal(message)) return events;
    events.push(...toWords(this.#words?.end() ?? []));
    return [...events, ...(await this.#endContext(context))];
  }

  async #endContext(context: string): Promise<readonly SpeechEvent[]> {
    if (context === this.#open) this.#open = undefined; // it was silent for too long: the next text opens another
    if (context !== this.#flushing) return this.#goOn();
    this.#flushing = undefined;
    const flushed: readonly SpeechEvent[] = this.#flushIsTold ? [{ type: "flushed" }] : [];
    return [...flushed, ...(await this.#goOn())];
  }

  async #overhear(context: string, message: JsonObject): Promise<readonly SpeechEvent[]> {
    if (!isFinal(message)) return [];
    this.#cleared.delete(context);
    return this.#goOn();
  }

  /** Sends what waits, up to the next flush. */
  async #goOn(): Promise<readonly SpeechEvent[]> {
    const events: SpeechEvent[] = [];
    while (!this.#flushing && this.#cleared.size < maxClosingContexts) {
      const input = this.#waiting.shift();
      if (!input) break;
      if (input.type === "text") await this.#speak(input.text);
      else if (this.#open) await this.#flush(true);
      else events.push({ type: "flushed" });
    }
    if (this.#ended && this.#open && !this.#flushing && this.#waiting.length === 0) await this.#flush(false);
    return events;
  }

  async #speak(said: string): Promise<void> {
    this.#open ??= await this.#openContext();
    this.spokenCharacters += [...said].length;
    await this.#sendText(said);
  }

  async #sendText(said: string): Promise<void> {
    this.#said += said;
    await this.#send({ text: said, context_id: this.#open });
  }

  async #openContext(): Promise<string> {
    this.#said = "";
    this.#heard = false;
    const context = `context_${++this.#contexts}`;
    await this.#send({ ...this.#call.body, text: " ", context_id: context });
    return context;
  }

  async #flush(isTold: boolean): Promise<void> {
    const context = this.#open;
    this.#flushIsTold = isTold;
    this.#open = undefined;
    this.#flushing = context;
    await this.#send({ context_id: context, flush: true });
    await this.#send({ context_id: context, close_context: true });
  }

  async #clear(): Promise<readonly SpeechEvent[]> {
    this.#waiting = [];
    this.#words?.end();
    if (this.#open) await this.#send({ context_id: this.#open, close_context: true });
    for (const context of [this.#open, this.#flushing]) if (context) this.#cleared.add(context);
    this.#open = undefined;
    this.#flushing = undefined;
    return [{ type: "cleared" }];
  }

  #readWords(message: JsonObject): readonly SpeechEvent[] {
    return toWords(this.#words?.read(readSocketAlignment(object(message.alignment))) ?? []);
  }

  async #send(message: object): Promise<void> {
    await this.#socket?.send(writeJson(message));
  }
}

function readAudio(message: JsonObject): readonly SpeechEvent[] {
  const data = Buffer.from(text(message.audio), "base64");
  return data.length > 0 ? [{ type: "audio", data }] : [];
}

/** The reference says `isFinal`, the guide `is_final`. */
function isFinal(message: JsonObject): boolean {
  return message.isFinal === true || message.is_final === true;
}

/** `{message, error: "max_active_conversations", code: 1008}`. */
function toError({ error, message }: JsonObject): Error {
  return typeof error === "string" ? sessionError(error, text(message)) : sessionError("", text(object(error).message));
}
