import type { ConversationEvent, ConversationInput, ConversationRequest } from "../../core/live.ts";
import type { LiveEvent, LiveInput } from "../../core/transcription.ts";
import { Channel } from "../../streams/channel.ts";
import type { LocalEngine } from "./engine.ts";
import { createLiveTranscription } from "./live-transcription.ts";

/** What the ear tells. */
export type EarEvent =
  | Extract<ConversationEvent, { type: "speech-started" | "speech-ended" }>
  /** A turn is over, and these were its words; empty when there were none. */
  | { readonly type: "turn"; readonly words: string }
  /** It can be told more again. */
  | { readonly type: "has-room" }
  | { readonly type: "closed" };

export interface LiveEarOptions {
  readonly engine: LocalEngine;
  readonly request: ConversationRequest;
  readonly tell: (event: EarEvent) => Promise<void>;
  readonly onFailure: (error: unknown) => void;
}

/** The model that listens: `echo` itself knows words only. */
const listener = "moonshine-base";

/** Pieces of audio that wait before the caller has to. */
const capacity = 64;

/** Listens to the user beside the conversation, and tells what was said in each turn. */
export class LiveEar {
  /** Whether it has told everything. */
  closed = false;
  readonly #options: LiveEarOptions;
  readonly #events: AsyncIterator<LiveEvent>;
  readonly #input = new Channel<LiveInput>(capacity, () => this.#makeRoom());
  #full = false;
  #words: string[] = [];

  constructor(options: LiveEarOptions, signal: AbortSignal) {
    const { engine, request } = options;
    this.#options = options;
    const transcription = createLiveTranscription(engine).stream(
      {
        model: listener,
        options: {},
        requestId: request.requestId,
        userId: request.userId,
        languageCode: "",
        prompt: "",
        phrases: [],
        wordTimings: false,
        speakerLabels: false,
        format: { mimeType: "audio/pcm", sampleRateHertz: 16_000, channelCount: 1 },
        interim: false,
        turnDetection: request.turnDetection,
      },
      this.#input,
      signal,
    );
    this.#events = transcription[Symbol.asyncIterator]();
  }

  /** Resolves when the model is there. */
  async open(): Promise<void> {
    await this.#events.next();
    this.#listen().catch(this.#options.onFailure);
  }

  /** Whether the caller should wait before saying more. */
  get full(): boolean {
    return this.#full;
  }

  hear(input: Extract<ConversationInput, { type: "audio" | "end-turn" }>): void {
    this.#full = !this.#input.push(input.type === "audio" ? input : { type: "commit" });
  }

  end(): void {
    this.#input.end();
  }

  #makeRoom(): void {
    this.#full = false;
    this.#options.tell({ type: "has-room" }).catch(this.#options.onFailure);
  }

  async #listen(): Promise<void> {
    for (let next = await this.#events.next(); !next.done; next = await this.#events.next())
      await this.#tell(next.value);
    this.closed = true;
    await this.#options.tell({ type: "closed" });
  }

  async #tell(event: LiveEvent): Promise<void> {
    const { tell } = this.#options;
    if (event.type === "speech-started" || event.type === "speech-ended") await tell(event);
    if (event.type === "segment" && event.final) this.#words.push(event.text);
    if (event.type !== "turn-ended") return;
    const words = this.#words.join(" ").trim();
    this.#words = [];
    await tell({ type: "turn", words });
  }
}
