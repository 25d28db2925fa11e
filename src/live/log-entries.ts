import { KeptBytes, type KeptPlace } from "./kept-bytes.ts";
import type { SampleReader } from "./sample-reader.ts";

/** A piece of the caller's audio of at most 100 ms, or the end of a turn; `start` counts frames from the session's start. */
export type LogItem =
  | { readonly type: "audio"; readonly start: number; readonly data: Uint8Array }
  | { readonly type: "end-turn"; readonly start: number };

/** Pieces of one length and kind, side by side; silence holds no bytes until it is read. */
interface Entry {
  readonly type: "audio" | "silence" | "end-turn";
  /** The number of the first of them, and how many there are. */
  number: number;
  count: number;
  /** Where the first begins, and the length of each. */
  start: number;
  frames: number;
  /** Audio as it came, until everybody has read it, and where it is kept after that. */
  data: Uint8Array | undefined;
  kept: KeptPlace | undefined;
}

export interface LogEntriesOptions {
  readonly samples: SampleReader;
  /** The longest piece, in frames. */
  readonly pieceFrames: number;
}

/** So many pieces are kept side by side. */
const piecesOfBlock = 10;

/** What a caller has said, in pieces that are numbered from the session's start, as far as it is not let go of. */
export class LogEntries {
  readonly #samples: SampleReader;
  readonly #pieceFrames: number;
  readonly #bytes: KeptBytes;
  readonly #entries: Entry[] = [];
  /** The numbers of the first piece that is there, of the first whose bytes are still the caller's, and behind the last. */
  #first = 0;
  #fresh = 0;
  #end = 0;
  #heard = 0;

  constructor({ samples, pieceFrames }: LogEntriesOptions) {
    this.#samples = samples;
    this.#pieceFrames = pieceFrames;
    this.#bytes = new KeptBytes(pieceFrames * samples.frameBytes * piecesOfBlock);
  }

  get first(): number {
    return this.#first;
  }

  get end(): number {
    return this.#end;
  }

  /** Frames, from the session's start: where the first piece begins, where it ends, and where the last ends. */
  get startFrame(): number {
    return this.#entries[0]?.start ?? this.#heard;
  }

  get firstEndFrame(): number {
    const first = this.#entries[0];
    return first ? first.start + first.frames : Number.POSITIVE_INFINITY;
  }

  get heardFrames(): number {
    return this.#heard;
  }

  /** Whole frames. In pieces, so that a turn's end is found where it is and not at the end of a long message. */
  pushAudio(data: Uint8Array): void {
    const { frameBytes } = this.#samples;
    this.#pushPieces("audio", data.length / frameBytes, (at, frames) =>
      frames * frameBytes === data.length ? data : data.subarray(at * frameBytes, (at + frames) * frameBytes),
    );
  }

  pushSilence(frames: number): void {
    this.#pushPieces("silence", frames, () => undefined);
  }

  pushEndTurn(): void {
    this.#push("end-turn", 0, undefined);
  }

  /** Undefined when it is not there yet. */
  item(number: number): LogItem | undefined {
    const entry = this.#entries.findLast((each) => each.number <= number);
    if (!entry || number >= this.#end) return undefined;
    const { type, frames } = entry;
    const start = entry.start + (number - entry.number) * frames;
    return type === "end-turn" ? { type, start } : { type: "audio", start, data: this.#dataOf(entry, number) };
  }

  /** Everybody has read what comes before this number: it is kept for others alone, and apart from the buffers that it came in. */
  settle(before: number): void {
    if (this.#fresh >= before) return;
    const index = this.#entries.findLastIndex(({ number }) => number <= this.#fresh);
    for (let at = index; this.#fresh < before; this.#fresh++) {
      const entry = this.#entries[at];
      if (!entry || !this.#settleOne(entry, this.#entries[at - 1])) at++;
      else this.#entries.splice(at, 1);
    }
  }

  dropFirst(): void {
    const [first] = this.#entries;
    if (!first) return;
    if (first.kept) this.#bytes.letGo(first.kept);
    this.#first++;
    this.#fresh = Math.max(this.#fresh, this.#first);
    if (--first.count === 0) this.#entries.shift();
    else this.#goOn(first);
  }

  /** Lets go of what the first piece has before a frame. */
  cutFirst(startFrame: number): void {
    const [first] = this.#entries;
    if (!first || first.start >= startFrame) return;
    if (first.count > 1) this.#entries.unshift(this.#takeOff(first));
    const [piece] = this.#entries as [Entry];
    const gone = startFrame - piece.start;
    const bytes = gone * this.#samples.frameBytes;
    piece.start = startFrame;
    piece.frames -= gone;
    piece.data = piece.data?.subarray(bytes);
    if (piece.kept) piece.kept = moved(piece.kept, bytes);
  }

  /** True when the entry has become a part of the one before. */
  #settleOne(entry: Entry, before: Entry | undefined): boolean {
    if (entry.data === undefined) return false;
    entry.kept = this.#bytes.put(entry.data);
    entry.data = undefined;
    const follows = before?.kept && before.frames === entry.frames && this.#endOf(before) === entry.kept.at;
    if (!follows || before?.kept?.block !== entry.kept.block) return false;
    before.count++;
    return true;
  }

  #endOf({ kept, count, frames }: Entry): number | undefined {
    return kept && kept.at + count * frames * this.#samples.frameBytes;
  }

  /** The first piece of an entry by itself. */
  #takeOff(entry: Entry): Entry {
    const piece = { ...entry, count: 1 };
    entry.count--;
    this.#goOn(entry);
    return piece;
  }

  /** Its first piece is gone. */
  #goOn(entry: Entry): void {
    entry.number++;
    entry.start += entry.frames;
    if (entry.kept) entry.kept = moved(entry.kept, entry.frames * this.#samples.frameBytes);
  }

  #dataOf({ number: first, frames, data, kept }: Entry, number: number): Uint8Array {
    if (data) return data;
    const length = frames * this.#samples.frameBytes;
    return kept ? this.#bytes.read(moved(kept, (number - first) * length), length) : this.#samples.silence(frames);
  }

  #pushPieces(
    type: "audio" | "silence",
    frames: number,
    dataOf: (at: number, frames: number) => Uint8Array | undefined,
  ): void {
    for (let at = 0; at < frames; at += this.#pieceFrames) {
      const count = Math.min(this.#pieceFrames, frames - at);
      this.#push(type, count, dataOf(at, count));
    }
  }

  #push(type: Entry["type"], frames: number, data: Uint8Array | undefined): void {
    this.#entries.push({ type, number: this.#end++, count: 1, start: this.#heard, frames, data, kept: undefined });
    this.#heard += frames;
  }
}

function moved({ block, at }: KeptPlace, bytes: number): KeptPlace {
  return { block, at: at + bytes };
}
