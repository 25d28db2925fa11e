import {
  decodeBase64,
  type FakeServer,
  type FakeSession,
  loudness,
  type Message,
  startFakeServer,
  toSamples,
} from "./fake-sessions.ts";

export interface FakeAsrOptions {
  readonly recognise?: (samples: Int16Array, sampleRateHertz: number) => Promise<string>;
  /** Instead of the fake's own doing: true for a message that a test has dealt with. */
  readonly intercept?: (message: Message, session: FakeSession) => boolean;
  /** As in FakeServerOptions. */
  readonly forgets?: boolean;
}

const rate = 16_000;

/**
 * A recogniser that speaks livellm's protocol: each `{audio, final}` is answered, in order, with all that was heard since the
 * last flush. Speech is what is loud. A message that it cannot read is answered with an error, and the session goes on.
 */
export function startFakeAsr(options: FakeAsrOptions = {}): Promise<FakeServer> {
  return startFakeServer({
    intercept: options.intercept,
    forgets: options.forgets,
    refuse: (url) => {
      if (url.pathname !== "/v1/audio/transcriptions/ws") return { status: 404, body: '{"error":"no such path"}' };
      const isRight = url.searchParams.get("sample_rate") === String(rate);
      return isRight ? undefined : { status: 400, body: '{"error":"only 16000 Hz"}' };
    },
    serve: (session) => {
      let buffer: Int16Array = new Int16Array(0);
      let turn = Promise.resolve();
      return (message) => {
        turn = turn.then(async () => {
          const bytes = decodeBase64(message.audio);
          const isKnown = Object.keys(message).every((name) => ["audio", "final"].includes(name));
          if (!bytes || !isKnown || bytes.length % 2 !== 0 || typeof message.final !== "boolean") {
            return session.send({ type: "error", error: "cannot read that" });
          }
          const chunk = toSamples(bytes);
          const all = new Int16Array(buffer.length + chunk.length);
          all.set(buffer);
          all.set(chunk, buffer.length);
          session.send(await answerTo(all, chunk, message.final, options));
          buffer = message.final ? new Int16Array(0) : all;
        });
      };
    },
  });
}

async function answerTo(all: Int16Array, chunk: Int16Array, final: boolean, options: FakeAsrOptions): Promise<Message> {
  const text = (await options.recognise?.(all, rate)) ?? "";
  return {
    type: final ? "final" : "delta",
    text,
    token_confidence: text === "" ? 0 : 0.9,
    speech_prob: chunk.length > 0 && loudness(chunk) > 0.01 ? 0.9 : 0.05,
    peak_speech_prob: loudness(all) > 0.001 ? 0.95 : 0.05,
    samples: all.length,
  };
}
