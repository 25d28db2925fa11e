import { Code, ConnectError } from "@connectrpc/connect";

/** Bit 0 of an envelope's flags, in gRPC and Connect alike. */
const compressedFlag = 0b1;
const headBytes = 5;
const nothing: Buffer = Buffer.alloc(0);

/** A message as gRPC and Connect send it in a stream: one byte of flags, four of length, the bytes. */
export function envelope(flags: number, bytes: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(headBytes + bytes.length);
  putEnvelope(framed, 0, flags, bytes);
  return framed;
}

/** Messages one after the other, each as {@link envelope} has it, without flags. */
export function envelopes(messages: readonly Uint8Array[]): Buffer {
  let length = 0;
  for (const message of messages) length += headBytes + message.length;
  const framed = Buffer.allocUnsafe(length);
  let at = 0;
  for (const message of messages) at = putEnvelope(framed, at, 0, message);
  return framed;
}

/** Returns where it ends. */
function putEnvelope(into: Buffer, at: number, flags: number, bytes: Uint8Array): number {
  into[at] = flags;
  into.writeUInt32BE(bytes.length, at + 1);
  into.set(bytes, at + headBytes);
  return at + headBytes + bytes.length;
}

export interface EnvelopeRules {
  /** The largest message. */
  readonly maxBytes: number;
  /** Envelopes with this flag are no messages, and are left out. */
  readonly skipFlag: number;
}

/** Takes messages out of bytes that are cut anywhere. A whole message in one piece, the common case, is not copied. */
export class EnvelopeSplitter {
  readonly #rules: EnvelopeRules;
  #pieces: Buffer[] = [];
  #length = 0;
  #wanted = headBytes;

  constructor(rules: EnvelopeRules) {
    this.#rules = rules;
  }

  /** The messages that are complete now. Throws, with connect-node's codes and words, what is wrong with an envelope. */
  *push(piece: Buffer): Generator<Uint8Array, void, undefined> {
    this.#pieces.push(piece);
    this.#length += piece.length;
    if (this.#length < this.#wanted) return;
    let rest = this.#pieces.length === 1 ? piece : Buffer.concat(this.#pieces);
    this.#keep(nothing, headBytes);
    while (rest.length >= headBytes) {
      const flags = rest[0] ?? 0;
      const end = headBytes + this.#lengthIn(rest);
      if (rest.length < end) return this.#keep(rest, end);
      const message = rest.subarray(headBytes, end);
      rest = rest.subarray(end);
      this.#keep(rest, headBytes);
      if ((flags & compressedFlag) !== 0) throw compressed();
      if ((flags & this.#rules.skipFlag) === 0) yield plainBytes(message);
    }
  }

  /** Throws when the bytes end in the middle of an envelope. */
  end(): void {
    if (this.#length > 0) throw new ConnectError("protocol error: incomplete envelope", Code.InvalidArgument);
  }

  #keep(rest: Buffer, wanted: number): void {
    this.#pieces = rest.length > 0 ? [rest] : [];
    this.#length = rest.length;
    this.#wanted = wanted;
  }

  #lengthIn(head: Buffer): number {
    const length = head.readUInt32BE(1);
    const { maxBytes } = this.#rules;
    if (length <= maxBytes) return length;
    throw tooLarge(maxBytes, length);
  }
}

/** `bytes` is its size, where that is known before all of it has come. */
export function tooLarge(maxBytes: number, bytes?: number): ConnectError {
  const size = bytes === undefined ? "message size" : `message size ${bytes}`;
  const message = `${size} is larger than configured readMaxBytes ${maxBytes}`;
  return new ConnectError(message, Code.ResourceExhausted);
}

function compressed(): ConnectError {
  return new ConnectError("received compressed envelope, but do not know how to decompress", Code.Internal);
}

/** Not a Buffer: its `slice` would share memory where a Uint8Array copies. */
function plainBytes(bytes: Buffer): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}
