import { mulaw } from "alawmulaw";
import { type FakeServer, type FakeSession, type Message, startFakeServer, toBytes } from "./fake-sessions.ts";

export interface FakeSpeechOptions {
  /** Speaks a text at a rate; may take its time. */
  readonly speak: (text: string, sampleRateHertz: number) => Promise<Int16Array>;
  /** Instead of the fake's own doing: true for a message that a test has dealt with. */
  readonly intercept?: (message: Message, session: FakeSession) => boolean;
}

/**
 * ElevenLabs' `/v1/text-to-speech/{voice}/multi-stream-input`, as elevenlabs-js documents it: contexts that begin with a space,
 * are flushed and closed, and end with `isFinal`. It refuses fields it does not know, text for a context that was not begun,
 * and a sixth context.
 */
export function startFakeElevenLabsSpeech(options: FakeSpeechOptions): Promise<FakeServer> {
  return startFakeServer({
    intercept: options.intercept,
    refuse: (url) => {
      const isKnown = /^\/v1\/text-to-speech\/[^/]+\/multi-stream-input$/.test(url.pathname);
      return isKnown ? undefined : { status: 404, body: '{"detail":"Not Found"}' };
    },
    serve: (session) => {
      const speaker = new FakeSpeaker(session, options);
      return (message) => speaker.take(message);
    },
  });
}

const fields = ["text", "context_id", "voice_settings", "generation_config", "flush", "close_context", "close_socket"];

interface Context {
  waiting: string;
  /** Its audio goes out in order. */
  turn: Promise<void>;
}

class FakeSpeaker {
  readonly #session: FakeSession;
  readonly #options: FakeSpeechOptions;
  readonly #contexts = new Map<string, Context>();
  readonly #rate: number;
  readonly #isMulaw: boolean;

  constructor(session: FakeSession, options: FakeSpeechOptions) {
    this.#session = session;
    this.#options = options;
    const [codec, rate] = session.url.searchParams.get("output_format")?.split("_") ?? [];
    this.#isMulaw = codec === "ulaw";
    this.#rate = Number(rate);
  }

  take(message: Message): void {
    const unknown = Object.keys(message).find((name) => !fields.includes(name));
    const id = String(message.context_id);
    if (unknown) this.#refuse("invalid_message", `unknown field ${unknown}`);
    else if (message.close_socket === true) this.#session.close(1000);
    else if (!this.#contexts.has(id)) this.#begin(id, message);
    else this.#goOn(id, this.#contexts.get(id), message);
  }

  #refuse(error: string, message: string): void {
    this.#session.send({ message, error, code: 1008 });
    this.#session.close(1008, error);
  }

  #begin(id: string, message: Message): void {
    if (message.text !== " ") this.#refuse("invalid_message", "a context begins with a space");
    else if (this.#contexts.size >= 5)
      this.#refuse("max_active_conversations", "Maximum simultaneous contexts exceeded (5)");
    else this.#contexts.set(id, { waiting: "", turn: Promise.resolve() });
  }

  #goOn(id: string, context: Context | undefined, message: Message): void {
    if (!context) return;
    context.waiting += typeof message.text === "string" ? message.text : "";
    if (message.flush === true) {
      const text = context.waiting;
      context.waiting = "";
      context.turn = context.turn.then(() => this.#speak(id, text));
    }
    if (message.close_context !== true) return;
    void context.turn.then(() => {
      this.#contexts.delete(id);
      this.#session.send({ isFinal: true, contextId: id });
    });
  }

  /** In two pieces, each with the times of its characters from its own start. */
  async #speak(id: string, text: string): Promise<void> {
    const samples = await this.#options.speak(text, this.#rate);
    const half = Math.ceil(text.length / 2);
    const middle = Math.round((samples.length * half) / Math.max(1, text.length));
    this.#send(id, text.slice(0, half), samples.slice(0, middle));
    this.#send(id, text.slice(half), samples.slice(middle));
  }

  #send(contextId: string, text: string, samples: Int16Array): void {
    const audio = Buffer.from(this.#isMulaw ? mulaw.encode(samples) : toBytes(samples)).toString("base64");
    const chars = [...text];
    const each = (samples.length / this.#rate / Math.max(1, chars.length)) * 1000;
    const alignment = {
      chars,
      charStartTimesMs: chars.map((_, i) => Math.round(i * each)),
      charDurationsMs: chars.map((_, i) => Math.round((i + 1) * each) - Math.round(i * each)),
    };
    this.#session.send({ audio, contextId, alignment, normalizedAlignment: alignment });
  }
}
