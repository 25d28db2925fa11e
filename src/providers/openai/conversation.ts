import type { ConversationEvent, ConversationInput, ConversationRequest, Live } from "../../core/live.ts";
import type { ProviderConnection } from "../../core/provider.ts";
import type { Upstream } from "../../core/upstream.ts";
import { exchange } from "../openai-compatible/realtime-exchange.ts";
import { withSocket } from "../openai-compatible/realtime-socket.ts";
import { isBusy, newTalk, readEvent, stopAnswer, type Talk, takeEvents } from "./conversation-answers.ts";
import { toConversationSession, toResultItem } from "./conversation-session.ts";
import { bytesPerMs, realtimeFormats, silence } from "./realtime-format.ts";
import { openRealtime, type RealtimeSession, startSession } from "./realtime-session.ts";

/** Conversations over a Realtime session, for models such as `gpt-realtime-2.1`. */
export function createLive(connection: ProviderConnection, upstream: Upstream): Live {
  return {
    inputFormats: () => realtimeFormats,
    outputFormats: () => realtimeFormats,
    turnModes: () => ["silence", "semantic", "manual"],
    async *converse(request, input, signal) {
      const { session: settings, items, warnings } = toConversationSession(request);
      const { model, requestId } = request;
      const open = openRealtime(upstream, connection, { query: { model }, requestId });
      yield* withSocket(
        open,
        async function* (socket) {
          const session = await startSession(socket, settings);
          for (const item of items) await session.send({ type: "conversation.item.create", item });
          yield { type: "accepted", model, ...(session.id && { requestId: session.id }), warnings };
          yield* new Conversation(session, request).run(input);
        },
        signal,
      );
    },
  };
}

/** A commit of less audio is refused. */
const shortestCommitMs = 100;

class Conversation {
  readonly #session: RealtimeSession;
  readonly #request: ConversationRequest;
  readonly #talk: Talk;
  /** Texts that wait for the end of an answer that they may not cut off. */
  readonly #texts: string[] = [];
  /** Of audio that has not been committed, where turns are the caller's to end. */
  #heldBytes = 0;
  #inputEnded = false;

  constructor(session: RealtimeSession, request: ConversationRequest) {
    this.#session = session;
    this.#request = request;
    this.#talk = newTalk({ id: session.id, writesDown: request.inputTranscription !== undefined });
  }

  async *run(input: AsyncIterable<ConversationInput>): AsyncGenerator<ConversationEvent> {
    for await (const next of exchange({ messages: this.#session.events, input })) {
      if (next.from === "caller") await this.#take(next.input);
      if (next.from === "caller-end") await this.#end();
      if (next.from === "vendor") readEvent(this.#talk, next.message);
      await this.#goOn();
      yield* takeEvents(this.#talk);
      if (this.#isComplete()) return yield { type: "finished", usage: this.#talk.usage };
    }
    throw await this.#session.closedBefore(this.#inputEnded ? "the last answer" : "the caller did");
  }

  async #take(input: ConversationInput): Promise<void> {
    switch (input.type) {
      case "audio":
        this.#heldBytes += input.data.length;
        return await this.#append(input.data);
      case "text":
        this.#texts.push(input.text);
        return;
      case "end-turn":
        return await this.#endTurn();
      case "tool-result":
        await this.#create(toResultItem(input.result));
        this.#talk.calls.delete(input.result.toolCallId);
        if (this.#talk.calls.size === 0) this.#talk.wanted = true;
        return;
      case "interrupt":
        await this.#cancel();
        return await this.#tellHeard(input.heardMs);
      default:
        return input satisfies never;
    }
  }

  /** Writes the texts that need not wait, and asks for an answer where there is none under way. */
  async #goOn(): Promise<void> {
    while (this.#texts.length > 0 && (this.#request.bargeIn || !isBusy(this.#talk))) {
      await this.#write(this.#texts.shift() ?? "");
    }
    await this.#sendCancel();
    if (!this.#talk.wanted || this.#talk.answer || this.#talk.asked) return;
    this.#talk.wanted = false;
    this.#talk.asked = true;
    await this.#session.send({ type: "response.create" });
  }

  async #write(text: string): Promise<void> {
    await this.#cancel();
    this.#cancelCalls();
    await this.#create({ type: "message", role: "user", content: [{ type: "input_text", text }] });
    this.#talk.wanted = true;
  }

  async #cancel(): Promise<void> {
    stopAnswer(this.#talk);
    await this.#sendCancel();
  }

  async #sendCancel(): Promise<void> {
    const { answer } = this.#talk;
    if (!answer?.stopped || answer.cancelled) return;
    answer.cancelled = true;
    await this.#session.send({ type: "response.cancel" });
  }

  /** The user has gone on without them; the model would wait for their results for ever. */
  #cancelCalls(): void {
    const { calls, out } = this.#talk;
    if (calls.size > 0) out.push({ type: "tool-calls-cancelled", ids: [...calls] });
    calls.clear();
  }

  /** What the user has not heard the model is not to think of as said. */
  async #tellHeard(heardMs: number | undefined): Promise<void> {
    const { spoken } = this.#talk;
    const { outputFormat } = this.#request;
    if (heardMs === undefined || !spoken || !outputFormat) return;
    const audio_end_ms = Math.min(heardMs, Math.floor(spoken.bytes / bytesPerMs(outputFormat)));
    const truncated = { item_id: spoken.itemId, content_index: 0, audio_end_ms };
    await this.#session.send({ type: "conversation.item.truncate", ...truncated });
  }

  /** Where the server finds turns it may have ended this one itself: then there is nothing to be done. */
  async #endTurn(): Promise<void> {
    const { inputFormat, turnDetection } = this.#request;
    const open = turnDetection.mode === "manual" ? this.#heldBytes > 0 : this.#talk.speaking;
    if (!open || !inputFormat) return;
    const heldMs = this.#heldBytes / bytesPerMs(inputFormat);
    if (heldMs < shortestCommitMs) await this.#append(silence(inputFormat, shortestCommitMs - heldMs));
    await this.#session.send({ type: "input_audio_buffer.commit" });
    this.#heldBytes = 0;
    this.#talk.speaking = false;
    this.#talk.wanted = true;
  }

  /** The answer to `clear` comes after all that the server has found in the audio before. */
  async #end(): Promise<void> {
    this.#inputEnded = true;
    await this.#endTurn();
    if (this.#request.inputFormat) await this.#session.send({ type: "input_audio_buffer.clear" });
    else this.#talk.cleared = true;
  }

  async #append(audio: Uint8Array): Promise<void> {
    if (audio.length > 0) await this.#session.append(audio);
  }

  async #create(item: object): Promise<void> {
    await this.#session.send({ type: "conversation.item.create", item });
  }

  /** Nobody can give the results of calls any more. */
  #isComplete(): boolean {
    const { answer, asked, wanted, cleared, transcripts, calls } = this.#talk;
    if (!this.#inputEnded || answer || asked || wanted) return false;
    return calls.size > 0 || (this.#texts.length === 0 && cleared && transcripts.size === 0);
  }
}
