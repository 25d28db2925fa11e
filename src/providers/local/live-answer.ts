import type { ChatEvent, Message } from "../../core/chat.ts";
import type { ConversationEvent, ConversationRequest } from "../../core/live.ts";
import { type LinkedController, linkedController } from "../../streams/signals.ts";
import { echo } from "./echo.ts";
import type { LocalEngine } from "./engine.ts";
import { speakablePieces } from "./speakable-text.ts";
import { createSpeech } from "./speech.ts";

type Tell = (event: ConversationEvent) => Promise<void>;

/** One answer of `echo`, written or spoken. */
export class LiveAnswer {
  readonly #engine: LocalEngine;
  readonly #request: ConversationRequest;
  readonly #controller: LinkedController;
  #text = "";
  #call: { readonly id: string; readonly name: string; argumentsJson: string } | undefined;

  constructor(engine: LocalEngine, request: ConversationRequest, signal: AbortSignal) {
    this.#engine = engine;
    this.#request = request;
    this.#controller = linkedController(signal);
  }

  /** Aborted when the answer is cut off, or over. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Resolves after `answer-finished`. */
  async run(message: Message, tell: Tell): Promise<void> {
    try {
      for await (const event of echo.stream(this.#chatRequest(message), this.signal)) await this.#read(event, tell);
    } finally {
      this.#controller[Symbol.dispose]();
    }
  }

  stop(): void {
    this.#controller.abort(new Error("the answer was cut off"));
  }

  #chatRequest(message: Message) {
    const { model, instructions, tools, generation, options, requestId, userId } = this.#request;
    return { model, instructions, messages: [message], tools, generation, options, requestId, userId };
  }

  async #read(event: ChatEvent, tell: Tell): Promise<void> {
    if (event.type === "part-started" && event.part.type === "tool-call") {
      this.#call = { id: event.part.id, name: event.part.name, argumentsJson: "" };
    } else if (event.type === "delta" && event.key === "text") await this.#write(event.text, tell);
    else if (event.type === "delta" && this.#call) this.#call.argumentsJson += event.text;
    else if (event.type === "finished") await this.#finish(event, tell);
  }

  async #write(text: string, tell: Tell): Promise<void> {
    this.#text += text;
    await tell({ type: this.#request.outputFormat ? "output-transcript" : "text", text });
  }

  async #finish(event: ChatEvent & { type: "finished" }, tell: Tell): Promise<void> {
    if (this.#request.outputFormat) await this.#speak(tell);
    if (this.#call) await tell({ type: "tool-call", call: { type: "tool-call", ...this.#call, executor: "client" } });
    const { finishReason, providerFinishReason, usage } = event;
    await tell({ type: "answer-finished", finishReason, providerFinishReason, usage });
  }

  /** What no English voice could speak is told in words alone. */
  async #speak(tell: Tell): Promise<void> {
    const { outputFormat: format, voice, speech, requestId, userId } = this.#request;
    if (!format || speakablePieces(this.#text).length === 0) return;
    const { languageCode, speed, instructions } = speech;
    const about = { languageCode, speed, instructions, wordTimings: false, options: {}, requestId, userId };
    const request = { ...about, model: "flite", voice, text: this.#text, format };
    for await (const event of createSpeech(this.#engine).stream(request, this.signal)) {
      if (event.type === "audio") await tell(event);
    }
  }
}
