import type { LiveClientContent } from "@google/genai";
import type { ToolResultPart } from "../../core/chat.ts";
import type { ConversationInput, ConversationRequest } from "../../core/live.ts";
import type { WireContent } from "./contents.ts";
import { isBusy, owe, stopAnswer, type Talk } from "./conversation-answers.ts";
import { toFunctionResponse } from "./function-responses.ts";
import { Microphone } from "./live-microphone.ts";
import type { LiveSocket } from "./live-socket.ts";
import { isGemini3, readsLiveText } from "./model-families.ts";

/** Sends the user's turns. */
export class Mouth {
  readonly #session: LiveSocket;
  readonly #talk: Talk;
  readonly #request: ConversationRequest;
  readonly #microphone: Microphone;
  /** Texts that wait for the end of an answer that they may not cut off. */
  readonly #texts: string[] = [];

  constructor(session: LiveSocket, talk: Talk, request: ConversationRequest) {
    this.#session = session;
    this.#talk = talk;
    this.#request = request;
    this.#microphone = new Microphone(session, request.turnDetection);
  }

  get waiting(): boolean {
    return this.#texts.length > 0;
  }

  /** What was said before; models that take it at the start alone are told where it ends. */
  async remember(history: readonly WireContent[]): Promise<void> {
    const turns = history as LiveClientContent["turns"];
    await this.#session.send({ clientContent: { turns, turnComplete: readsLiveText(this.#request.model) } });
  }

  async say(input: ConversationInput): Promise<void> {
    switch (input.type) {
      case "audio":
        this.#talk.unanswered = true;
        return await this.#microphone.take(input.data);
      case "end-turn":
        return await this.#endTurn();
      case "text":
        this.#texts.push(input.text);
        return;
      case "tool-result":
        return await this.#answerCall(input.result);
      case "interrupt":
        return stopAnswer(this.#talk);
      default:
        return input satisfies never;
    }
  }

  /** Sends the texts that need not wait any longer. */
  async goOn(): Promise<void> {
    while (this.#texts.length > 0 && (this.#request.bargeIn || !isBusy(this.#talk))) {
      await this.#write(this.#texts.shift() ?? "");
    }
  }

  async end(): Promise<void> {
    await this.#endTurn();
  }

  /** A server that finds turns by itself may find that there was none. */
  async #endTurn(): Promise<void> {
    if (this.#microphone.open && !this.#talk.detects) owe(this.#talk);
    await this.#microphone.endTurn();
  }

  async #write(text: string): Promise<void> {
    owe(this.#talk);
    if (readsLiveText(this.#request.model)) return await this.#session.send({ realtimeInput: { text } });
    const turns = [{ role: "user", parts: [{ text }] }];
    await this.#session.send({ clientContent: { turns, turnComplete: true } });
  }

  /** The model goes on when it has all of them. */
  async #answerCall(result: ToolResultPart): Promise<void> {
    const { calls, out } = this.#talk;
    const name = calls.get(result.toolCallId) ?? result.name;
    const mediaInside = isGemini3(this.#request.model);
    const [part] = toFunctionResponse(result, { name, field: "toolResult", mediaInside });
    if (result.media.length > 0 && !mediaInside) out.push({ type: "warning", warning: mediaDropped });
    calls.delete(result.toolCallId);
    if (calls.size === 0) owe(this.#talk);
    await this.#session.send({ toolResponse: { functionResponses: [part?.functionResponse] } });
  }
}

const mediaDropped = {
  code: "part-dropped",
  message: "the model takes no files from tools in a conversation: left out",
  field: "toolResult.media",
};
