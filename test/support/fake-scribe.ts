import { mulaw } from "alawmulaw";
import {
  decodeBase64,
  type FakeServer,
  type FakeSession,
  loudness,
  type Message,
  startFakeServer,
  toSamples,
} from "./fake-sessions.ts";

export interface FakeScribeOptions {
  readonly recognise?: (samples: Int16Array, sampleRateHertz: number) => Promise<string>;
  /** Instead of the fake's own doing: true for a message that a test has dealt with. */
  readonly intercept?: (message: Message, session: FakeSession) => boolean;
  readonly apiKey?: string;
  /** No partial transcript where more audio has come meanwhile: for recognisers that take their time. */
  readonly freshPartials?: boolean;
}

/**
 * ElevenLabs' `/v1/speech-to-text/realtime`, as elevenlabs-js documents it. It refuses what the vendor refuses: parameters and
 * fields it does not know, base64 that is none, commits of under 0.3 s.
 */
export function startFakeScribe(options: FakeScribeOptions = {}): Promise<FakeServer> {
  return startFakeServer({
    intercept: options.intercept,
    refuse: (url, headers) => {
      if (url.pathname !== "/v1/speech-to-text/realtime") return { status: 404, body: '{"detail":"Not Found"}' };
      const isRight = options.apiKey === undefined || headers["xi-api-key"] === options.apiKey;
      const detail = { status: "invalid_api_key", message: "Invalid API key" };
      return isRight ? undefined : { status: 401, body: JSON.stringify({ detail }) };
    },
    serve: (session) => {
      const scribe = new FakeScribe(session, options);
      scribe.start();
      return (message) => scribe.take(message);
    },
  });
}

const parameters = [
  "model_id",
  "audio_format",
  "commit_strategy",
  "vad_silence_threshold_secs",
  "vad_threshold",
  "min_speech_duration_ms",
  "min_silence_duration_ms",
  "language_code",
  "include_timestamps",
  "include_language_detection",
  "keyterms",
  "no_verbatim",
  "enable_logging",
];
const formats = /^(pcm_(8000|16000|22050|24000|44100|48000)|ulaw_8000)$/;
const fields = ["message_type", "audio_base_64", "commit", "sample_rate", "previous_text"];
const frameMs = 20;

class FakeScribe {
  readonly #session: FakeSession;
  readonly #options: FakeScribeOptions;
  readonly #query: URLSearchParams;
  #samples: Int16Array = new Int16Array(0);
  #committed = 0;
  #checked = 0;
  #heardSpeech = false;
  #silentMs = 0;
  #messages = 0;
  /** Answers go out one after the other, whatever they take. */
  #turn: Promise<void> = Promise.resolve();

  constructor(session: FakeSession, options: FakeScribeOptions) {
    this.#session = session;
    this.#options = options;
    this.#query = session.url.searchParams;
  }

  start(): void {
    const unknown = [...this.#query.keys()].find((name) => !parameters.includes(name));
    if (unknown) {
      this.#refuse("invalid_request", `unknown parameter ${unknown}`);
      return;
    }
    if (!formats.test(this.#query.get("audio_format") ?? "")) {
      this.#refuse("invalid_request", "audio_format");
      return;
    }
    const config = Object.fromEntries(this.#query);
    this.#session.send({ message_type: "session_started", session_id: "scribe_1", config });
  }

  take(message: Message): void {
    const unknown = Object.keys(message).find((name) => !fields.includes(name));
    if (message.message_type !== "input_audio_chunk" || unknown) {
      this.#refuse("input_error", `field ${unknown}`);
      return;
    }
    if (message.previous_text !== undefined && this.#messages > 0) {
      this.#refuse("input_error", "previous_text goes with the first chunk alone");
      return;
    }
    this.#messages++;
    const bytes = decodeBase64(message.audio_base_64);
    if (!bytes || (!this.#isMulaw && bytes.length % 2 !== 0)) {
      this.#refuse("input_error", "audio_base_64");
      return;
    }
    if (message.sample_rate !== this.#rate) {
      this.#refuse("input_error", "sample_rate");
      return;
    }
    this.#append(this.#isMulaw ? mulaw.decode(bytes) : toSamples(bytes));
    if (message.commit === true) this.#commitByClient();
    else if (bytes.length > 0) this.#partial();
  }

  get #isMulaw(): boolean {
    return this.#query.get("audio_format") === "ulaw_8000";
  }

  get #rate(): number {
    return Number(this.#query.get("audio_format")?.split("_")[1]);
  }

  #refuse(type: string, error: string): void {
    this.#session.send({ message_type: type, error });
    this.#session.close(1008, type);
  }

  #append(more: Int16Array): void {
    const all = new Int16Array(this.#samples.length + more.length);
    all.set(this.#samples);
    all.set(more, this.#samples.length);
    this.#samples = all;
    if (this.#query.get("commit_strategy") === "vad") this.#detectTurns();
  }

  #partial(): void {
    const samples = this.#samples.slice(this.#committed);
    const soFar = this.#messages;
    this.#inTurn(async () => {
      if (this.#options.freshPartials && this.#messages > soFar) return;
      const text = await this.#recognise(samples);
      if (text !== "") this.#session.send({ message_type: "partial_transcript", text });
    });
  }

  #commitByClient(): void {
    const seconds = (this.#samples.length - this.#committed) / this.#rate;
    if (seconds >= 0.3) {
      this.#commit();
      return;
    }
    const error = `Commit request ignored: only ${seconds.toFixed(2)}s of uncommitted audio. You need at least 0.3s`;
    this.#inTurn(async () => this.#session.send({ message_type: "commit_throttled", error }));
  }

  #commit(): void {
    const samples = this.#samples.slice(this.#committed);
    const startSeconds = this.#committed / this.#rate;
    this.#committed = this.#samples.length;
    this.#inTurn(async () => {
      const text = await this.#recognise(samples);
      this.#session.send({ message_type: "committed_transcript", text });
      if (this.#query.get("include_timestamps") !== "true") return;
      const words = toTokens(text, startSeconds, samples.length / this.#rate);
      const message_type = "committed_transcript_with_timestamps";
      this.#session.send({ message_type, text, language_code: "eng", words });
    });
  }

  async #recognise(samples: Int16Array): Promise<string> {
    return (await this.#options.recognise?.(samples, this.#rate)) ?? "";
  }

  #inTurn(work: () => Promise<void>): void {
    this.#turn = this.#turn.then(work);
  }

  #detectTurns(): void {
    const silence = Number(this.#query.get("vad_silence_threshold_secs") ?? 1.5) * 1000;
    const frame = (this.#rate * frameMs) / 1000;
    for (; this.#checked + frame <= this.#samples.length; this.#checked += frame) {
      const isLoud = loudness(this.#samples.subarray(this.#checked, this.#checked + frame)) > 0.01;
      this.#silentMs = isLoud ? 0 : this.#silentMs + frameMs;
      this.#heardSpeech ||= isLoud;
      if (!this.#heardSpeech || this.#silentMs < silence) continue;
      this.#heardSpeech = false;
      this.#commit();
    }
  }
}

/** Words evenly over the time that they took, with what is between them. */
function toTokens(text: string, startSeconds: number, seconds: number): readonly Message[] {
  const parts = text.split(/(\s+)/).filter((part) => part !== "");
  const each = seconds / Math.max(1, parts.length);
  return parts.map((part, i) => ({
    text: part,
    type: part.trim() === "" ? "spacing" : "word",
    start: startSeconds + i * each,
    end: startSeconds + (i + 1) * each,
    logprob: 0,
  }));
}
