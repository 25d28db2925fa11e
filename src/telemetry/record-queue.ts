import { setImmediate } from "node:timers/promises";

export interface RecordQueueOptions {
  /** Writes whole lines; rejects when it cannot. One call at a time. */
  readonly append: (lines: string) => Promise<void>;
  /** Told how many records were not written, and why, now and then. */
  readonly dropped: (records: number, reason: string) => void;
  /** How much may wait, in the units of `add`. */
  readonly maxWaitingLength?: number;
}

/** Disks that do not keep up are waited for with so much. */
const usualWaitingLength = 16 * 1024 * 1024;
/** Of what is written at once. */
const batchLength = 256 * 1024;
const quietMs = 10_000;
const closingMs = 5_000;

interface Waiting {
  readonly toLine: () => string;
  readonly length: number;
}

/**
 * Writes records down behind the back of whoever has them. Nobody waits: what cannot be kept until it is written is dropped,
 * whole, and counted.
 */
export class RecordQueue {
  readonly #options: RecordQueueOptions;
  readonly #maxLength: number;
  #waiting: Waiting[] = [];
  #length = 0;
  #writing: Promise<void> | undefined;
  #unwritten = 0;
  #dropped = 0;
  #reason = "";
  #quietUntil = 0;

  constructor(options: RecordQueueOptions) {
    this.#options = options;
    this.#maxLength = options.maxWaitingLength ?? usualWaitingLength;
  }

  /** Takes a record of about so many characters. `toLine` makes one line of it, without its end, later. */
  add(toLine: () => string, length: number): void {
    if (this.#length + length > this.#maxLength) {
      this.#drop(1, "the disk is too slow");
      return;
    }
    this.#length += length;
    this.#unwritten++;
    this.#waiting.push({ toLine, length });
    this.#writing ??= this.#write();
  }

  /** Writes what waits, for as long as `graceMs` at most: a disk that hangs must not keep the process from ending. */
  async close(graceMs = closingMs): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, graceMs);
    await Promise.race([this.#writing, late]);
    clearTimeout(timer);
    if (this.#writing) this.#drop(this.#unwritten, "the disk is too slow");
    this.#quietUntil = 0;
    this.#tell();
  }

  async #write(): Promise<void> {
    while (this.#waiting.length > 0) {
      const { lines, records, length } = await this.#nextBatch();
      await this.#options.append(lines).catch((error: unknown) => this.#drop(records, nameOf(error)));
      this.#length -= length;
      this.#unwritten -= records;
      this.#tell();
    }
    this.#writing = undefined;
  }

  /** One record each turn of the event loop: making its line takes time that others wait for. */
  async #nextBatch() {
    let [lines, records, length] = ["", 0, 0];
    while (lines.length < batchLength) {
      await setImmediate();
      const next = this.#waiting.shift();
      if (!next) break;
      lines += `${next.toLine()}\n`;
      records++;
      length += next.length;
    }
    return { lines, records, length };
  }

  #drop(records: number, reason: string): void {
    this.#dropped += records;
    this.#reason = reason;
  }

  #tell(): void {
    if (this.#dropped === 0 || performance.now() < this.#quietUntil) return;
    this.#quietUntil = performance.now() + quietMs;
    this.#options.dropped(this.#dropped, this.#reason);
    this.#dropped = 0;
  }
}

/** Not the message: it holds paths at most, but the code says it all. */
function nameOf(error: unknown): string {
  const { code, name } = error as { readonly code?: unknown; readonly name?: unknown };
  return String(code ?? name);
}
