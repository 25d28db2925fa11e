import type { ConversationEvent, ConversationInput, ConversationRequest, Live } from "../../core/live.ts";
import type { ProviderConnection } from "../../core/provider.ts";
import type { Upstream } from "../../core/upstream.ts";
import { HeldInput } from "../openai-compatible/held-input.ts";
import { exchange } from "../openai-compatible/realtime-exchange.ts";
import { withSocket } from "../openai-compatible/realtime-socket.ts";
import { isBusy, newTalk, readMessage, type Talk, takeEvents } from "./conversation-answers.ts";
import { type ConversationSetup, toConversationSetup, writesDown } from "./conversation-setup.ts";
import { Mouth } from "./conversation-turns.ts";
import { liveFormat, liveTurnModes } from "./live-request.ts";
import { type LiveSocket, openLive, setUp } from "./live-socket.ts";

/** What the Live API speaks: ai.google.dev/gemini-api/docs/live-api, "Audio formats". */
const spokenFormat = { mimeType: "audio/pcm", sampleRateHertz: 24_000, channelCount: 1 };

/** Conversations over the Live API (`BidiGenerateContent`), for models such as `gemini-2.5-flash-native-audio-latest`. */
export function createLive(kind: string, connection: ProviderConnection, upstream: Upstream): Live {
  const open = openLive(connection, upstream);
  return {
    inputFormats: () => [liveFormat],
    outputFormats: () => [spokenFormat],
    turnModes: () => liveTurnModes,
    async *converse(request, input, signal) {
      const conversation = new Conversation(request, toConversationSetup(request, kind), input);
      try {
        while (!conversation.finished) {
          yield* withSocket(open, (socket) => conversation.overSocket((setup) => setUp(socket, setup)), signal);
        }
      } finally {
        conversation.close();
      }
    },
  };
}

/** How long the server may be silent after the end of the caller's side before we believe that it has no more to say. */
const quietMs = 1000;

/**
 * A conversation over one socket after the other: the server lets go of each after some ten minutes, and says so before.
 * ai.google.dev/gemini-api/docs/live-session, "Session resumption".
 */
class Conversation {
  finished = false;
  readonly #request: ConversationRequest;
  readonly #opening: ConversationSetup;
  readonly #input: HeldInput<ConversationInput>;
  readonly #talk: Talk;
  #accepted = false;
  #inputEnded = false;
  /** How often neither side has said anything, one time after the other. */
  #silences = 0;

  constructor(request: ConversationRequest, opening: ConversationSetup, input: AsyncIterable<ConversationInput>) {
    this.#request = request;
    this.#opening = opening;
    this.#input = new HeldInput(input);
    this.#talk = newTalk({ writesDown: writesDown(request), detects: request.turnDetection.mode !== "manual" });
  }

  async *overSocket(open: (setup: object) => Promise<LiveSocket>): AsyncGenerator<ConversationEvent> {
    const { handle } = this.#talk;
    const session = await open({ ...this.#opening.setup, sessionResumption: handle === "" ? {} : { handle } });
    this.#talk.handle = "";
    this.#talk.leavingMs = undefined;
    const mouth = new Mouth(session, this.#talk, this.#request);
    if (!this.#accepted) yield* this.#accept(session, mouth);
    yield* this.#listen(session, mouth);
  }

  close(): void {
    this.#input.close();
  }

  async *#accept(session: LiveSocket, mouth: Mouth): AsyncGenerator<ConversationEvent> {
    this.#accepted = true;
    const { history, warnings } = this.#opening;
    if (history.length > 0) await mouth.remember(history);
    yield {
      type: "accepted",
      model: this.#request.model,
      ...(session.id && { requestId: session.id }),
      warnings,
    };
  }

  async *#listen(session: LiveSocket, mouth: Mouth): AsyncGenerator<ConversationEvent> {
    const { messages } = session;
    for await (const next of exchange({ messages, input: this.#input, quietMs })) {
      this.#silences = next.from === "nobody" ? this.#silences + 1 : 0;
      if (next.from === "caller") {
        this.#input.take();
        await mouth.say(next.input);
      }
      if (next.from === "caller-end") await this.#endInput(mouth);
      if (next.from === "vendor") readMessage(this.#talk, next.message);
      await mouth.goOn();
      yield* this.#told();
      if (this.#isComplete(mouth)) return yield this.#finish();
      if (this.#talk.leavingMs !== undefined && this.#canMove()) return;
    }
    if (!this.#canMove()) throw await session.closedBefore(this.#inputEnded ? "the last answer" : "the caller did");
  }

  async #endInput(mouth: Mouth): Promise<void> {
    this.#inputEnded = true;
    await mouth.end();
  }

  /**
   * The caller need not know that the server lets go of the socket, as long as it gives another one: after an answer the
   * handle comes a little later.
   */
  *#told(): Generator<ConversationEvent> {
    const { leavingMs, handle } = this.#talk;
    yield* takeEvents(this.#talk);
    if (leavingMs === undefined || handle !== "" || isBusy(this.#talk) || this.#silences === 0) return;
    this.#talk.leavingMs = undefined;
    yield { type: "ending", timeLeftMs: leavingMs };
  }

  /** Between answers the server knows the conversation by its handle; in the middle of one it would be lost. */
  #canMove(): boolean {
    return this.#talk.handle !== "" && !isBusy(this.#talk);
  }

  /** The server does not say that it will not answer what it heard: its silence has to do. Nobody gives results any more. */
  #isComplete(mouth: Mouth): boolean {
    if (!this.#inputEnded || mouth.waiting) return false;
    const { answering, generated, owed, unanswered, calls } = this.#talk;
    if (calls.size > 0) return !answering || this.#silences > 0;
    if (owed > 0) return false;
    if (answering) return generated && this.#silences > 0;
    return !unanswered || this.#silences >= 3;
  }

  #finish(): ConversationEvent {
    this.finished = true;
    return { type: "finished", usage: this.#talk.usage };
  }
}
