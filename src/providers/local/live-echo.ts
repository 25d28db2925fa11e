import type { Message, ToolResultPart } from "../../core/chat.ts";
import type { ConversationEvent, ConversationInput, ConversationRequest } from "../../core/live.ts";
import { Outbox } from "../../streams/outbox.ts";
import { linkedController } from "../../streams/signals.ts";
import { exchange } from "../openai-compatible/realtime-exchange.ts";
import type { LocalEngine } from "./engine.ts";
import { LiveAnswer } from "./live-answer.ts";
import { type EarEvent, LiveEar } from "./live-ear.ts";

/** What happens besides the caller's input. */
type Happening =
  | { readonly from: "ear"; readonly event: EarEvent }
  | { readonly from: "answer"; readonly answer: LiveAnswer; readonly event: ConversationEvent };

/** So much is made ahead of the reader. */
const capacity = 32;

/** One conversation: listens, and says again what it has heard. */
export class LiveEcho {
  readonly #engine: LocalEngine;
  readonly #request: ConversationRequest;
  readonly #life: ReturnType<typeof linkedController>;
  readonly #happenings = new Outbox<Happening>(capacity);
  readonly #ear: LiveEar | undefined;
  #answer: LiveAnswer | undefined;
  /** Texts that wait for the end of the answer under way. */
  readonly #waiting: string[] = [];
  /** Calls that wait for their results. */
  readonly #calls = new Set<string>();
  readonly #results: ToolResultPart[] = [];
  #inputEnded = false;

  constructor(engine: LocalEngine, request: ConversationRequest, signal: AbortSignal) {
    this.#engine = engine;
    this.#request = request;
    this.#life = linkedController(signal);
    const tell = (event: EarEvent) => this.#happenings.send({ from: "ear", event }, this.#life.signal);
    const onFailure = (error: unknown) => this.#happenings.channel.fail(error);
    this.#life.signal.addEventListener("abort", () => onFailure(this.#life.signal.reason), { once: true });
    this.#ear = request.inputFormat && new LiveEar({ engine, request, tell, onFailure }, this.#life.signal);
  }

  /** Resolves when it can hear. */
  async listen(): Promise<void> {
    await this.#ear?.open();
  }

  async *run(input: AsyncIterable<ConversationInput>): AsyncGenerator<ConversationEvent, void, undefined> {
    const messages = this.#happenings.channel[Symbol.asyncIterator]();
    const wantsInput = () => this.#waiting.length < capacity && !this.#ear?.full;
    for await (const next of exchange({ messages, input, wantsInput })) {
      if (next.from === "caller") yield* this.#take(next.input);
      if (next.from === "caller-end") this.#endInput();
      if (next.from === "vendor") yield* this.#see(next.message);
      if (this.#isComplete()) return yield { type: "finished", usage: {} };
    }
  }

  close(): void {
    this.#life.abort(new Error("the conversation is over"));
    this.#life[Symbol.dispose]();
  }

  *#take(input: ConversationInput): Generator<ConversationEvent, void, undefined> {
    switch (input.type) {
      case "audio":
      case "end-turn":
        return this.#ear?.hear(input);
      case "text":
        return yield* this.#say(input.text);
      case "tool-result":
        return this.#takeResult(input.result);
      case "interrupt":
        return yield* this.#interrupt();
      default:
        return input satisfies never;
    }
  }

  *#see(happening: Happening): Generator<ConversationEvent, void, undefined> {
    if (happening.from === "answer") yield* this.#seeAnswer(happening.answer, happening.event);
    else yield* this.#hear(happening.event);
  }

  *#hear(event: EarEvent): Generator<ConversationEvent, void, undefined> {
    if (event.type === "speech-started" || event.type === "speech-ended") yield event;
    if (event.type === "speech-started" && this.#request.bargeIn) yield* this.#interrupt();
    if (event.type !== "turn") return;
    const isOwed = this.#request.turnDetection.mode === "manual" && !this.#answer;
    if (event.words === "" && isOwed) yield nothingHeard;
    if (event.words === "") return;
    if (this.#request.inputTranscription) yield { type: "input-transcript", text: event.words };
    yield* this.#say(event.words);
  }

  /** What an answer still says after it was cut off is not heard. */
  *#seeAnswer(answer: LiveAnswer, event: ConversationEvent): Generator<ConversationEvent, void, undefined> {
    if (answer !== this.#answer) return;
    if (event.type === "tool-call") this.#calls.add(event.call.id);
    if (event.type === "answer-finished") this.#answer = undefined;
    yield event;
    this.#goOn();
  }

  *#say(text: string): Generator<ConversationEvent, void, undefined> {
    if (this.#request.bargeIn) yield* this.#interrupt();
    this.#waiting.push(text);
    this.#goOn();
  }

  #takeResult(result: ToolResultPart): void {
    this.#calls.delete(result.toolCallId);
    this.#results.push(result);
    this.#goOn();
  }

  /** Begins the next answer, when the one before is over and its calls have their results. */
  #goOn(): void {
    if (this.#answer || this.#calls.size > 0) return;
    const next = this.#results.length > 0 ? undefined : this.#waiting.shift();
    if (this.#results.length > 0) this.#begin({ role: "tool", parts: this.#results.splice(0) });
    else if (next !== undefined) this.#begin({ role: "user", parts: [{ type: "text", text: next }] });
  }

  *#interrupt(): Generator<ConversationEvent, void, undefined> {
    if (this.#calls.size > 0) yield { type: "tool-calls-cancelled", ids: [...this.#calls] };
    this.#calls.clear();
    this.#results.length = 0;
    if (!this.#answer) return;
    this.#answer.stop();
    this.#answer = undefined;
    yield { type: "interrupted" };
    yield { type: "answer-finished", finishReason: "other", providerFinishReason: "interrupted" };
  }

  #begin(message: Message): void {
    const answer = new LiveAnswer(this.#engine, this.#request, this.#life.signal);
    this.#answer = answer;
    const tell = (event: ConversationEvent) => this.#happenings.send({ from: "answer", answer, event }, answer.signal);
    answer.run(message, tell).catch((error: unknown) => {
      if (this.#answer === answer) this.#happenings.channel.fail(error);
    });
  }

  #endInput(): void {
    this.#inputEnded = true;
    this.#ear?.end();
  }

  /** Nobody can give the results of calls any more. */
  #isComplete(): boolean {
    const listening = this.#ear !== undefined && !this.#ear.closed;
    return this.#inputEnded && !listening && !this.#answer && (this.#waiting.length === 0 || this.#calls.size > 0);
  }
}

/** A turn that the caller ended is answered, if only by this. */
const nothingHeard: ConversationEvent = {
  type: "answer-finished",
  finishReason: "other",
  providerFinishReason: "nothing_heard",
};
