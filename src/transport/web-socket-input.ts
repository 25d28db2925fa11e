import { type DescMethod, fromBinary, type Message } from "@bufbuild/protobuf";
import { LivellmError } from "../core/error.ts";
import { Channel } from "../streams/channel.ts";
import { decodeUtf8, parseStrictJson } from "./strict-json.ts";
import { type CallHeaders, type Frame, readControl } from "./web-socket-control.ts";

/** What may wait for the service before the client is slowed down. */
const highWaterBytes = 256 * 1024;
/** What a waiting frame costs besides its bytes, so that empty ones count too: 64 frames are as many as may wait. */
const frameBytes = 4 * 1024;
/** ws hands over all frames of one read (64 KiB, six bytes for the smallest frame) whether the socket is paused or not. */
export const framesOfOneRead = 16 * 1024;

/** Slows the client down, and lets it go on. */
interface Flow {
  pause(): void;
  resume(): void;
}

/**
 * The client's side of a call: an optional headers frame, messages, an optional end frame. Frames are judged by their place
 * as they arrive, and read as messages when the service asks for them.
 */
export class WebSocketInput {
  readonly #method: DescMethod;
  readonly #flow: Flow;
  readonly #opened = Promise.withResolvers<CallHeaders>();
  readonly #frames = new Channel<Frame>(framesOfOneRead);
  #place: "first" | "messages" | "over" = "first";
  #kind: Frame["kind"] | undefined;
  #waitingBytes = 0;
  #paused = false;

  constructor(method: DescMethod, flow: Flow) {
    this.#method = method;
    this.#flow = flow;
  }

  /** Resolves at the first frame, with its headers where it is a headers frame. Rejects when the input fails before. */
  get opened(): Promise<CallHeaders> {
    return this.#opened.promise;
  }

  /** The kind of the first message, which answers have too; text until there is one. */
  get kind(): Frame["kind"] {
    return this.#kind ?? "text";
  }

  /** Takes the next frame. Throws invalid_argument when it may not come here, or is a malformed control frame. */
  take(frame: Frame): void {
    const control = readControl(frame);
    if (control?.kind === "headers") this.#open(control.headers);
    else if (control?.kind === "end") this.#end();
    else this.#push(frame);
  }

  /** The reader gets the messages that are there, then the error. */
  fail(error: unknown): void {
    this.#opened.reject(error);
    this.#frames.fail(error);
  }

  /** The messages, pulled. Throws invalid_argument at one that is malformed, with the paths of its faults. */
  async *messages(): AsyncGenerator<Message> {
    for await (const frame of this.#frames) {
      this.#weigh(-costOf(frame));
      yield readMessage(this.#method, frame);
    }
  }

  #open(headers: CallHeaders): void {
    if (this.#place !== "first") throw misplaced("headers come first, in the first frame or not at all");
    this.#place = "messages";
    this.#opened.resolve(headers);
  }

  #end(): void {
    this.#opened.resolve({});
    this.#place = "over";
    this.#frames.end();
  }

  #push(frame: Frame): void {
    const { methodKind, name } = this.#method;
    const single = methodKind === "unary" || methodKind === "server_streaming";
    if (this.#place === "over") {
      throw misplaced(
        single ? `${name} takes one request message; there was more` : "no message may follow the end frame",
      );
    }
    this.#opened.resolve({});
    this.#kind ??= frame.kind;
    this.#place = single ? "over" : "messages";
    this.#weigh(costOf(frame));
    this.#frames.push(frame);
    if (single) this.#frames.end();
  }

  #weigh(bytes: number): void {
    this.#waitingBytes += bytes;
    const pause = this.#waitingBytes > (this.#paused ? highWaterBytes / 2 : highWaterBytes);
    if (pause === this.#paused) return;
    this.#paused = pause;
    if (pause) this.#flow.pause();
    else this.#flow.resume();
  }
}

function costOf({ data }: Frame): number {
  return data.length + frameBytes;
}

function readMessage({ input }: DescMethod, { data, kind }: Frame): Message {
  if (kind === "text") return parseStrictJson(input, decodeUtf8(data));
  try {
    return fromBinary(input, data);
  } catch {
    throw misplaced(`the frame is not a ${input.typeName} in protobuf's binary form; JSON goes into text frames`);
  }
}

function misplaced(message: string): LivellmError {
  return new LivellmError("invalid_argument", "invalid_request", message);
}
