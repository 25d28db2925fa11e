import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";

/** A session of the fake's, as a test sees it. */
export interface FakeLiveSession {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** The first message's `setup`. */
  readonly setup: Readonly<Record<string, unknown>>;
  /** All audio that came, without gaps. */
  audio(): Uint8Array;
  /** The names of what came after the setup, such as `audio`, `activityStart`, `audioStreamEnd`; audio in a row once. */
  readonly inputs: readonly string[];
  send(message: object): void;
  close(code: number, reason?: string): void;
  /** Breaks the connection off. */
  cut(): void;
  /** Resolves with the code when the client, or the fake, has closed. */
  readonly closed: Promise<number>;
}

export interface FakeGeminiLive extends AsyncDisposable {
  /** For `base_url`. */
  readonly url: string;
  readonly sessions: readonly FakeLiveSession[];
  /** Resolves with the next session that is set up. */
  nextSession(): Promise<FakeLiveSession>;
}

export interface FakeGeminiLiveOptions {
  /** Writes down an utterance: PCM16, 16 kHz, mono. No text: there was no speech in it. */
  onAudio?(pcm16k: Uint8Array): Promise<string>;
  /** Answers the handshake with this status and body in place of a session. */
  readonly refuse?: { readonly status: number; readonly body: object };
  /** Closes in place of `setupComplete`. */
  readonly refuseSetup?: { readonly code: number; readonly reason: string };
  /** How loud a sample of speech is, from 0 to 32767. */
  readonly loudness?: number;
}

const bytesPerMs = 32;

/**
 * A server in the shape of the Live API's for transcription: setup, `setupComplete`, then for each utterance the start of
 * activity, its end, a transcript so far, the transcript, and `generationComplete`; JSON in binary messages. Utterances are
 * found by loudness and `silenceDurationMs` (500), or told by `activityStart` and `activityEnd`; `audioStreamEnd` ends one too.
 * It never ends a session by itself. As the real one does, it says nothing of an activity without words but when it was.
 */
export async function startFakeGeminiLive(options: FakeGeminiLiveOptions = {}): Promise<FakeGeminiLive> {
  const sessions: FakeLiveSession[] = [];
  const waiting: ((session: FakeLiveSession) => void)[] = [];
  const server = createServer();
  const sockets = new WebSocketServer({ noServer: true });
  server.on("upgrade", (request, connection, head) => {
    if (options.refuse) {
      const body = JSON.stringify(options.refuse.body);
      const length = Buffer.byteLength(body);
      connection.end(
        `HTTP/1.1 ${options.refuse.status} Refused\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n${body}`,
      );
      return;
    }
    sockets.handleUpgrade(request, connection, head, (socket) => {
      const meet = (session: FakeLiveSession) => {
        sessions.push(session);
        for (const resolve of waiting.splice(0)) resolve(session);
      };
      serve(socket, { path: request.url ?? "", headers: request.headers, options, meet });
    });
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    sessions,
    nextSession: () => new Promise((resolve) => waiting.push(resolve)),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets.clients) socket.terminate();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

interface Meeting {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly options: FakeGeminiLiveOptions;
  readonly meet: (session: FakeLiveSession) => void;
}

function serve(socket: WebSocket, { path, headers, options, meet }: Meeting): void {
  const send = (message: object) => socket.send(Buffer.from(JSON.stringify(message)));
  const closed = once(socket, "close").then(([code]) => Number(code));
  const inputs: string[] = [];
  let ear: Ear | undefined;
  /** What the client says is taken one after the other, and what a recogniser says of it in the same order. */
  let turn = Promise.resolve();
  socket.on("message", (data: Buffer) => {
    const message = JSON.parse(data.toString());
    if (!ear) {
      if (options.refuseSetup) return socket.close(options.refuseSetup.code, options.refuseSetup.reason);
      if (!message.setup?.model?.startsWith("models/")) return socket.close(1007, "setup must be the first message");
      const heard = new Ear(message.setup, options, send);
      ear = heard;
      send({ setupComplete: { sessionId: "session-1" } });
      const close = (code: number, reason?: string) => socket.close(code, reason);
      const cut = () => socket.terminate();
      meet({ path, headers, setup: message.setup, audio: () => heard.all(), inputs, send, close, cut, closed });
      return;
    }
    const [name = ""] = Object.keys(message.realtimeInput ?? {});
    if (name !== "audio" || inputs.at(-1) !== "audio") inputs.push(name);
    const listening = ear;
    turn = turn.then(() => listening.take(name, message.realtimeInput));
  });
}

/** Finds utterances in a session's audio and has them written down. */
class Ear {
  readonly #options: FakeGeminiLiveOptions;
  readonly #send: (message: object) => void;
  readonly #told: boolean;
  readonly #silenceMs: number;
  readonly #pieces: Buffer[] = [];
  #length = 0;
  #startMs: number | undefined;
  #quietMs = 0;

  constructor(setup: Record<string, unknown>, options: FakeGeminiLiveOptions, send: (message: object) => void) {
    const input = setup.realtimeInputConfig as { automaticActivityDetection?: Record<string, unknown> } | undefined;
    this.#options = options;
    this.#send = send;
    this.#told = input?.automaticActivityDetection?.disabled === true;
    this.#silenceMs = Number(input?.automaticActivityDetection?.silenceDurationMs ?? 500);
  }

  all(): Buffer {
    return Buffer.concat(this.#pieces);
  }

  async take(name: string, input: { readonly audio?: { readonly data: string; readonly mimeType: string } }) {
    if (name === "activityStart") this.#begin(this.#nowMs);
    if (name === "audio" && input.audio) await this.#hear(Buffer.from(input.audio.data, "base64"));
    if (name === "activityEnd" || name === "audioStreamEnd") await this.#end(this.#nowMs);
  }

  get #nowMs(): number {
    return this.#length / bytesPerMs;
  }

  async #hear(audio: Buffer): Promise<void> {
    const beforeMs = this.#nowMs;
    this.#pieces.push(audio);
    this.#length += audio.length;
    if (this.#told) return;
    const loud = isLoud(audio, this.#options.loudness ?? 500);
    if (loud && this.#startMs === undefined) this.#begin(beforeMs);
    this.#quietMs = loud ? 0 : this.#quietMs + this.#nowMs - beforeMs;
    if (this.#quietMs >= this.#silenceMs) await this.#end(this.#nowMs - this.#quietMs);
  }

  #begin(startMs: number): void {
    this.#startMs = startMs;
    this.#quietMs = 0;
    this.#send({ serverContent: {}, voiceActivity: { type: "ACTIVITY_START", ...offset(startMs) } });
  }

  async #end(endMs: number): Promise<void> {
    if (this.#startMs === undefined) return;
    const startMs = this.#startMs;
    this.#startMs = undefined;
    this.#send({ serverContent: {}, voiceActivity: { type: "ACTIVITY_END", ...offset(endMs) } });
    const utterance = this.all().subarray(Math.max(0, startMs - 200) * bytesPerMs, this.#length);
    const text = (await this.#options.onAudio?.(utterance)) ?? "";
    if (text === "") return;
    const words = text.split(" ");
    const firstWords = words.slice(0, Math.ceil(words.length / 2)).join(" ");
    this.#send({ serverContent: { interimInputTranscription: { text: firstWords } } });
    this.#send({ serverContent: { inputTranscription: { text, languageCode: "en-US" } } });
    this.#send({ serverContent: { generationComplete: true }, usageMetadata: usage });
  }
}

const usage = {
  promptTokenCount: 10,
  responseTokenCount: 4,
  totalTokenCount: 14,
  promptTokensDetails: [{ modality: "AUDIO", tokenCount: 10 }],
};

/** An offset of nothing is left out, as protobuf does. */
function offset(ms: number): object {
  return ms === 0 ? {} : { audioOffset: `${ms / 1000}s` };
}

function isLoud(audio: Buffer, loudness: number): boolean {
  for (let at = 0; at + 1 < audio.length; at += 2) if (Math.abs(audio.readInt16LE(at)) > loudness) return true;
  return false;
}
