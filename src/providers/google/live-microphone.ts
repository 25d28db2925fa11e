import type { LiveClientRealtimeInput } from "@google/genai";
import type { TurnDetection } from "../../core/transcription.ts";
import { audioHere, audioWriter } from "../openai-compatible/audio-message.ts";
import { liveFormat } from "./live-request.ts";
import type { LiveSocket } from "./live-socket.ts";

/** Sends the user's audio, and the marks of its turns. */
export class Microphone {
  ended = false;
  readonly #session: Pick<LiveSocket, "send" | "sendText">;
  readonly #manual: boolean;
  #open = false;
  #turns = 0;

  constructor(session: Pick<LiveSocket, "send" | "sendText">, { mode }: TurnDetection) {
    this.#session = session;
    this.#manual = mode === "manual";
  }

  /** Whether the server has audio of a turn that is not over. */
  get open(): boolean {
    return this.#open;
  }

  /** How many turns the server was told of; undefined when it finds them by itself, and there was something to find. */
  get turns(): number | undefined {
    return this.#manual || this.#turns === 0 ? this.#turns : undefined;
  }

  async take(audio: Uint8Array): Promise<void> {
    if (audio.length === 0) return;
    if (this.#manual && !this.#open) await this.#send({ activityStart: {} });
    this.#open = true;
    await this.#session.sendText(toAudioMessage(audio));
  }

  async end(): Promise<void> {
    await this.endTurn();
    this.ended = true;
  }

  /** Where the server finds turns, the end of the audio ends one too, and more audio begins another. */
  async endTurn(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    this.#turns++;
    await this.#send(this.#manual ? { activityEnd: {} } : { audioStreamEnd: true });
  }

  async #send(realtimeInput: LiveClientRealtimeInput): Promise<void> {
    await this.#session.send({ realtimeInput });
  }
}

const mimeType = `${liveFormat.mimeType};rate=${liveFormat.sampleRateHertz}`;
const toAudioMessage = audioWriter({
  realtimeInput: { audio: { data: audioHere, mimeType } } satisfies LiveClientRealtimeInput,
});
