import type { JsonObject } from "@bufbuild/protobuf";
import { LiveService } from "../gen/livellm/v1/live_service_pb.ts";
import { connectSocket } from "../test/compat/socket-client.ts";
import { type ClientFace, openFaces } from "./client-faces.ts";

/** What a caller heard of one answer. */
export interface HeardAnswer {
  text: string;
  audio: Buffer;
  /** As the caller was told; undefined: nobody has said that the answer is over. */
  finishReason?: string;
}

/** What a caller heard of a conversation. */
export interface Heard {
  readonly answers: readonly HeardAnswer[];
  /** `ok`, the code of an error, or `error` where the client is told of no code. */
  readonly code: string;
  readonly message: string;
}

/** What is asked of a conversation. */
export interface Conversing {
  readonly targets: readonly { readonly provider: string; readonly model: string }[];
  readonly isSpoken: boolean;
  /** What the user writes, each when the answer to the one before is over. */
  readonly turns: readonly string[];
  readonly patience: string;
}

/** A way of conversing. */
export interface ConversationClient {
  readonly name: string;
  /** Whether it can name more than one target; else they follow from the first one's settings. */
  readonly namesTargets: boolean;
  converse(call: Conversing, signal: AbortSignal): Promise<Heard>;
}

/** Every face that is duplex, and the WebSocket of an older system. */
export function conversationClients(url: string): readonly ConversationClient[] {
  const faces = openFaces(url).filter(({ isDuplex }) => isDuplex);
  return [...faces.map(overFace), overOldSocket(url)];
}

/** Gathers answers, and lets wait for the end of each. */
class Listener {
  readonly answers: HeardAnswer[] = [];
  #finished = 0;
  #wake: (() => void) | undefined;
  #over = false;

  text(text: string): void {
    this.#current().text += text;
  }

  audio(base64: string): void {
    const answer = this.#current();
    answer.audio = Buffer.concat([answer.audio, Buffer.from(base64, "base64")]);
  }

  finish(reason: string): void {
    this.#current().finishReason = reason;
    this.#finished++;
    this.#wake?.();
  }

  /** Nothing more will be heard. */
  end(): void {
    this.#over = true;
    this.#wake?.();
  }

  /** False when there will be no such answer. */
  async heard(count: number): Promise<boolean> {
    while (this.#finished < count && !this.#over) await new Promise<void>((resolve) => (this.#wake = resolve));
    return this.#finished >= count;
  }

  #current(): HeardAnswer {
    const last = this.answers.at(-1);
    if (last && last.finishReason === undefined) return last;
    const next = { text: "", audio: Buffer.alloc(0) };
    this.answers.push(next);
    return next;
  }
}

function overFace(face: ClientFace): ConversationClient {
  return {
    name: face.name,
    namesTargets: true,
    async converse(call, signal) {
      const listener = new Listener();
      const method = LiveService.method.converse;
      const onEvent = (event: JsonObject) => hear(listener, event);
      try {
        const { status, events } = await face.call({ method, requests: requests(call, listener), onEvent }, signal);
        const isWhole = events.at(-1)?.finished !== undefined;
        const code = status.code === "ok" && !isWhole ? "ok without finished" : status.code;
        return { answers: listener.answers, code, message: status.message };
      } finally {
        listener.end();
      }
    },
  };
}

async function* requests({ targets, turns, isSpoken, patience }: Conversing, listener: Listener) {
  const route = { targets, attemptTimeout: patience, stallTimeout: patience };
  const config = { generation: isSpoken ? { outputModalities: ["MODALITY_AUDIO"] } : {} };
  yield { start: { route, config } };
  for (const [i, text] of turns.entries()) {
    yield { text: { text } };
    if (!(await listener.heard(i + 1))) return;
  }
}

function hear(listener: Listener, event: JsonObject): void {
  const { textDelta, audio, answerFinished } = event as Record<string, JsonObject | undefined>;
  if (textDelta) listener.text(String(textDelta.text ?? ""));
  if (audio) listener.audio(String(audio.data ?? ""));
  if (answerFinished) listener.finish(String(answerFinished.finishReason).replace("FINISH_REASON_", "").toLowerCase());
}

interface OldMessage {
  readonly type: string;
  readonly text?: string;
  readonly data?: string;
  readonly finish_reason?: string;
}

/** Of the surface `apc`: its client is told that an answer is over where it asks for that, and of errors in words alone. */
function overOldSocket(url: string): ConversationClient {
  return {
    name: "/api/gemini/ws",
    namesTargets: false,
    async converse({ targets: [target], turns, isSpoken }, signal) {
      await using client = await connectSocket<OldMessage>(`${url}/api/gemini/ws`);
      const listener = new Listener();
      let error: string | undefined;
      client.socket.on("message", (data) => {
        const message = JSON.parse(String(data)) as OldMessage;
        if (message.type === "error") error = message.data ?? "";
        else hearOld(listener, message);
      });
      client.socket.on("close", () => listener.end());
      signal.addEventListener("abort", () => client.socket.terminate(), { once: true });
      const model = `${target?.provider}/${target?.model}`;
      client.send({ type: "config", data: { model, events: true, ...(isSpoken && { modalities: ["AUDIO"] }) } });
      for (const [i, text] of turns.entries()) {
        client.send({ type: "text", data: text });
        if (!(await listener.heard(i + 1))) break;
      }
      const isWhole = error === undefined && (await listener.heard(turns.length));
      if (!isWhole && error === undefined) throw new Error("closed without a word about why");
      return { answers: listener.answers, code: isWhole ? "ok" : "error", message: error ?? "" };
    },
  };
}

function hearOld(listener: Listener, { type, text, data, finish_reason }: OldMessage): void {
  if (type === "response") listener.text(text ?? "");
  if (type === "audio") listener.audio(data ?? "");
  if (type === "turn_complete") listener.finish(finish_reason ?? "");
}
