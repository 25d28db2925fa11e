import { decodeBase64, type FakeServer, type FakeSession, type Message, startFakeServer } from "./fake-sessions.ts";

/** 20 ms of µ-law at 8,000 Hz. */
const frameBytes = 160;
const frameMs = 20;

/** A frame of silence that says when it was sent, and which it is of its session. */
export function stampedFrame(number: number): Uint8Array {
  const frame = Buffer.alloc(frameBytes, 0xff);
  frame.writeDoubleBE(now(), 8);
  frame.writeUInt32BE(number, 16);
  return frame;
}

/** Milliseconds, alike in every process of this machine. */
export function now(): number {
  return performance.timeOrigin + performance.now();
}

/** A session's frames as they came. */
export interface ClockedSession {
  /** How long each took from the caller, in milliseconds. */
  readonly lateMs: readonly number[];
  /** Whether all came, each once and in order. */
  readonly inOrder: boolean;
}

export interface LiveClock extends AsyncDisposable {
  /** For `base_url`. */
  readonly baseUrl: string;
  readonly sessions: readonly ClockedSession[];
}

/**
 * OpenAI's Realtime API for transcription, as far as a session needs it, with a clock: it looks at when stamped frames come,
 * and once a second it writes down the time as what was said.
 */
export async function startLiveClock(): Promise<LiveClock> {
  const clocks: Clock[] = [];
  const server: FakeServer = await startFakeServer({
    serve: (session) => {
      const clock = new Clock(session);
      clocks.push(clock);
      session.send({ type: "session.created", event_id: "e", session: { id: "sess_1", type: "transcription" } });
      return (event) => clock.take(event);
    },
  });
  return {
    baseUrl: `${server.url}/v1`,
    sessions: clocks,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

class Clock implements ClockedSession {
  readonly lateMs: number[] = [];
  inOrder = true;
  readonly #session: FakeSession;
  #rest: Buffer = Buffer.alloc(0);
  #items = 0;

  constructor(session: FakeSession) {
    this.#session = session;
  }

  take(event: Message): void {
    if (event.type === "session.update") this.#send("session.updated", { session: event.session });
    if (event.type === "input_audio_buffer.append") this.#append(decodeBase64(event.audio) ?? Buffer.alloc(0));
    if (event.type === "input_audio_buffer.clear") this.#send("input_audio_buffer.cleared", {});
    if (event.type === "input_audio_buffer.commit") this.#say("the end");
  }

  #append(audio: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, audio]);
    for (; this.#rest.length >= frameBytes; this.#rest = this.#rest.subarray(frameBytes)) {
      this.inOrder &&= this.#rest.readUInt32BE(16) === this.lateMs.length;
      this.lateMs.push(now() - this.#rest.readDoubleBE(8));
      if (this.lateMs.length % (1000 / frameMs) === 0) this.#say(String(now()));
    }
  }

  #say(transcript: string): void {
    const item = { item_id: `item_${++this.#items}` };
    const endMs = this.lateMs.length * frameMs;
    this.#send("input_audio_buffer.speech_started", { ...item, audio_start_ms: Math.max(0, endMs - 900) });
    this.#send("input_audio_buffer.speech_stopped", { ...item, audio_end_ms: endMs });
    const before = this.#items > 1 ? `item_${this.#items - 1}` : null;
    this.#send("input_audio_buffer.committed", { ...item, previous_item_id: before });
    const usage = { type: "duration", seconds: 1 };
    const completed = "conversation.item.input_audio_transcription.completed";
    this.#send(completed, { ...item, content_index: 0, transcript, usage });
  }

  #send(type: string, fields: Message): void {
    this.#session.send({ type, event_id: "e", ...fields });
  }
}
