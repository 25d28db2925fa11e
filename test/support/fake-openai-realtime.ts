import { alaw, mulaw } from "alawmulaw";
import {
  decodeBase64,
  type FakeServer,
  type FakeSession,
  loudness,
  type Message,
  startFakeServer,
  toBytes,
  toSamples,
} from "./fake-sessions.ts";

export interface FakeRealtimeOptions {
  /** Writes audio down; may take its time, and finish in any order. */
  readonly recognise?: (samples: Int16Array, sampleRateHertz: number) => Promise<string>;
  /** Speaks a text, at 24 kHz. */
  readonly speak?: (text: string) => Promise<Int16Array>;
  /** Instead of the fake's own doing: true for an event that a test has dealt with. */
  readonly intercept?: (event: Message, session: FakeSession) => boolean;
  /** The key that is taken; any, when absent. */
  readonly apiKey?: string;
}

/**
 * OpenAI's Realtime API as far as it writes down and speaks, with the order of events that openai-node documents. It refuses
 * what the vendor refuses: events and fields it does not know, base64 that is none, commits of under 100 ms, turn detection
 * with models that have none. Base URL: `${url}/v1`.
 */
export function startFakeRealtime(options: FakeRealtimeOptions = {}): Promise<FakeServer> {
  return startFakeServer({
    intercept: options.intercept,
    refuse: (url, headers) => {
      if (url.pathname !== "/v1/realtime") return { status: 404, body: '{"error":{"message":"no such path"}}' };
      const isRight = options.apiKey === undefined || headers.authorization === `Bearer ${options.apiKey}`;
      const error = { message: "Incorrect API key provided", type: "invalid_request_error", code: "invalid_api_key" };
      return isRight ? undefined : { status: 401, body: JSON.stringify({ error }) };
    },
    serve: (session) => {
      const realtime = new FakeRealtime(session, options);
      realtime.start();
      return (event) => realtime.take(event);
    },
  });
}

/** What each event of the client's may hold. */
const fields: Readonly<Record<string, readonly string[]>> = {
  "session.update": ["session"],
  "input_audio_buffer.append": ["audio"],
  "input_audio_buffer.commit": [],
  "input_audio_buffer.clear": [],
  "response.create": ["response"],
};

interface Format {
  readonly type: string;
  readonly rate?: number;
}

interface Vad {
  readonly type: string;
  readonly threshold?: number;
  readonly silence_duration_ms?: number;
  readonly prefix_padding_ms?: number;
}

interface Session {
  readonly type?: string;
  readonly instructions?: string;
  readonly audio?: {
    readonly input?: {
      readonly format?: Format;
      readonly transcription?: Message;
      readonly turn_detection?: Vad | null;
    };
    readonly output?: { readonly format?: Format };
  };
}

const frameMs = 20;

class FakeRealtime {
  readonly #session: FakeSession;
  readonly #options: FakeRealtimeOptions;
  readonly #intent: string;
  #config: Session = {};
  #configured = false;
  #count = 0;
  /** All audio of the session, as samples. */
  #samples: Int16Array = new Int16Array(0);
  #bufferStart = 0;
  #lastItem: string | null = null;
  // Voice activity.
  #checked = 0;
  #speechItem: string | undefined;
  #silentMs = 0;

  constructor(session: FakeSession, options: FakeRealtimeOptions) {
    this.#session = session;
    this.#options = options;
    this.#intent = session.url.searchParams.get("intent") ?? "conversation";
  }

  start(): void {
    this.#send({ type: "session.created", session: { id: "sess_1", type: this.#intent } });
  }

  take(event: Message): void {
    const type = String(event.type);
    const known = fields[type];
    if (!known) {
      this.#refuse(event, "invalid_value", `Invalid value: '${type}'`);
      return;
    }
    const other = Object.keys(event).find((name) => !["type", "event_id", ...known].includes(name));
    if (other) {
      this.#refuse(event, "unknown_parameter", `Unknown parameter: '${other}'.`);
      return;
    }
    if (type === "session.update") this.#update(event);
    else if (type === "input_audio_buffer.append") this.#append(event);
    else if (type === "input_audio_buffer.commit") this.#commitByClient(event);
    else if (type === "input_audio_buffer.clear") this.#clear();
    else void this.#respond(event);
  }

  #send(event: Message): void {
    this.#session.send({ event_id: `event_${++this.#count}`, ...event });
  }

  #refuse(event: Message, code: string, message: string): void {
    const error = { type: "invalid_request_error", code, message, param: null, event_id: event.event_id ?? null };
    this.#send({ type: "error", error });
  }

  #update(event: Message): void {
    const session = event.session as Session;
    const wanted = this.#intent === "transcription" ? "transcription" : "realtime";
    if (session.type !== wanted) {
      this.#refuse(event, "invalid_parameter", `Passing a ${session.type} session update to a ${wanted} session`);
      return;
    }
    const input = session.audio?.input;
    const model = String(input?.transcription?.model ?? "");
    if (/^(gpt-live-transcribe|gpt-realtime-whisper)/.test(model) && input?.turn_detection) {
      this.#refuse(event, "invalid_value", `Turn detection is not supported for ${model}`);
      return;
    }
    const format = input?.format;
    if (format?.type === "audio/pcm" && format.rate !== 24_000) {
      this.#refuse(event, "invalid_value", "Invalid value: expected 24000");
      return;
    }
    this.#config = session;
    this.#configured = true;
    this.#send({ type: "session.updated", session: { id: "sess_1", ...session } });
  }

  get #rate(): number {
    return this.#config.audio?.input?.format?.type === "audio/pcm" ? 24_000 : 8_000;
  }

  #append(event: Message): void {
    const bytes = decodeBase64(event.audio);
    const type = this.#config.audio?.input?.format?.type;
    if (!bytes || (type === "audio/pcm" && bytes.length % 2 !== 0)) {
      this.#refuse(event, "invalid_value", "Invalid 'audio'. Expected base64-encoded audio bytes");
      return;
    }
    if (!this.#configured) {
      this.#refuse(event, "session_not_configured", "no session.update yet");
      return;
    }
    const more =
      type === "audio/pcmu" ? mulaw.decode(bytes) : type === "audio/pcma" ? alaw.decode(bytes) : toSamples(bytes);
    const all = new Int16Array(this.#samples.length + more.length);
    all.set(this.#samples);
    all.set(more, this.#samples.length);
    this.#samples = all;
    this.#detectTurns();
  }

  #commitByClient(event: Message): void {
    const milliseconds = this.#toMs(this.#samples.length - this.#bufferStart);
    if (milliseconds < 100) {
      const what = `buffer too small. Expected at least 100ms of audio, but buffer only has ${milliseconds.toFixed(2)}ms`;
      this.#refuse(event, "input_audio_buffer_commit_empty", `Error committing input audio buffer: ${what}`);
      return;
    }
    this.#commit(this.#speechItem ?? `item_${++this.#count}`);
    this.#speechItem = undefined;
  }

  #clear(): void {
    this.#bufferStart = this.#samples.length;
    this.#send({ type: "input_audio_buffer.cleared" });
  }

  #commit(item: string): void {
    const samples = this.#samples.slice(this.#bufferStart);
    this.#bufferStart = this.#samples.length;
    this.#send({ type: "input_audio_buffer.committed", item_id: item, previous_item_id: this.#lastItem });
    this.#send({ type: "conversation.item.added", item: { id: item }, previous_item_id: this.#lastItem });
    this.#lastItem = item;
    void this.#transcribe(item, samples);
  }

  async #transcribe(item: string, samples: Int16Array): Promise<void> {
    const transcript = (await this.#options.recognise?.(samples, this.#rate)) ?? "";
    const about = { item_id: item, content_index: 0 };
    const words = transcript.match(/\S+\s*/g) ?? [];
    const name = "conversation.item.input_audio_transcription";
    for (const delta of words) this.#send({ type: `${name}.delta`, ...about, delta });
    const seconds = this.#toMs(samples.length) / 1000;
    this.#send({ type: `${name}.completed`, ...about, transcript, usage: { type: "duration", seconds } });
  }

  #toMs(samples: number): number {
    return (samples / this.#rate) * 1000;
  }

  /** Loud is speech; the silence that ends it is part of the turn. */
  #detectTurns(): void {
    const vad = this.#config.audio?.input?.turn_detection;
    if (!vad) return;
    const frame = (this.#rate * frameMs) / 1000;
    for (; this.#checked + frame <= this.#samples.length; this.#checked += frame) {
      const isLoud =
        loudness(this.#samples.subarray(this.#checked, this.#checked + frame)) > (vad.threshold ?? 0.5) / 50;
      this.#silentMs = isLoud ? 0 : this.#silentMs + frameMs;
      const endMs = Math.round(this.#toMs(this.#checked + frame));
      if (isLoud && !this.#speechItem) this.#startSpeech(endMs - frameMs, vad);
      if (this.#speechItem && this.#silentMs >= (vad.silence_duration_ms ?? 500)) this.#stopSpeech(endMs);
    }
  }

  #startSpeech(atMs: number, vad: Vad): void {
    this.#speechItem = `item_${++this.#count}`;
    const startMs = Math.max(0, atMs - (vad.prefix_padding_ms ?? 300));
    this.#bufferStart = Math.max(this.#bufferStart, (startMs * this.#rate) / 1000);
    const item_id = this.#speechItem;
    this.#send({ type: "input_audio_buffer.speech_started", audio_start_ms: startMs, item_id });
  }

  #stopSpeech(endMs: number): void {
    const item = this.#speechItem ?? "";
    this.#speechItem = undefined;
    this.#send({ type: "input_audio_buffer.speech_stopped", audio_end_ms: endMs, item_id: item });
    this.#commit(item);
  }

  async #respond(event: Message): Promise<void> {
    const response = event.response as { readonly input?: readonly { readonly content?: readonly Message[] }[] };
    const script = String(response.input?.[0]?.content?.[0]?.text ?? "");
    const about = { response_id: "resp_1", item_id: "item_1", output_index: 0, content_index: 0 };
    this.#send({ type: "response.created", response: { id: "resp_1", status: "in_progress" } });
    const samples = (await this.#options.speak?.(script)) ?? new Int16Array(0);
    const audio = this.#encode(samples);
    for (let at = 0; at < audio.length; at += 4_801) {
      const delta = audio.subarray(at, at + 4_801).toString("base64");
      this.#send({ type: "response.output_audio.delta", ...about, delta });
    }
    this.#send({ type: "response.output_audio.done", ...about });
    const usage = {
      input_tokens: 20,
      output_tokens: 50,
      input_token_details: { text_tokens: 20, audio_tokens: 0, cached_tokens: 4 },
      output_token_details: { text_tokens: 10, audio_tokens: 40 },
    };
    this.#send({ type: "response.done", response: { id: "resp_1", status: "completed", usage } });
  }

  #encode(samples: Int16Array): Buffer {
    const type = this.#config.audio?.output?.format?.type;
    if (type === "audio/pcm") return toBytes(samples);
    const narrow = samples.filter((_, i) => i % 3 === 0);
    return Buffer.from(type === "audio/pcmu" ? mulaw.encode(narrow) : alaw.encode(narrow));
  }
}
