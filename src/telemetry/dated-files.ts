import { randomBytes } from "node:crypto";
import { access, appendFile, constants, mkdir, readdir, stat, truncate, unlink } from "node:fs/promises";
import path from "node:path";

export interface DatedFilesSettings {
  /** Made when it is not there. */
  readonly folder: string;
  /** What the names begin with, without a dot: `NAME.2030-01-31.ID.1.jsonl`, the day in UTC. */
  readonly name: string;
  /** Files of days that are longer ago are deleted. */
  readonly keptDays: number;
  /** When all files together become larger, the oldest are deleted. */
  readonly maxBytes: number;
}

/** Of the whole size that files may have; the oldest of them goes in one piece. */
const filesInAll = 16;
const sweepIntervalMs = 3_600_000;
const dayMs = 86_400_000;

/**
 * Files of lines, a new one each day and when one is full. Each process writes files of its own, so that workers and replicas
 * can share a folder; each deletes whatever there is too old or too much. Only the user of this process may read them.
 */
export class DatedFiles {
  readonly #settings: DatedFilesSettings;
  readonly #id = randomBytes(4).toString("hex");
  readonly #sweeping: NodeJS.Timeout;
  #day = "";
  #number = 0;
  #bytes = 0;

  /** Throws when the folder cannot be used. */
  static async open(settings: DatedFilesSettings): Promise<DatedFiles> {
    const { folder } = settings;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    const files = new DatedFiles(settings);
    await files.#sweep();
    return files;
  }

  private constructor(settings: DatedFilesSettings) {
    this.#settings = settings;
    // What is too old goes though nothing new comes.
    this.#sweeping = setInterval(() => void this.#sweep().catch(() => undefined), sweepIntervalMs).unref();
  }

  /** Appends whole lines. Rejects when they cannot be written; nothing of them is left then. */
  async append(lines: string): Promise<void> {
    const bytes = Buffer.byteLength(lines);
    await this.#choose(bytes);
    try {
      await appendFile(this.#path(), lines, { mode: 0o600 });
      this.#bytes += bytes;
    } catch (error) {
      await this.#cutOff();
      throw error;
    }
  }

  /** A full disk takes the beginning of a line; one file is tried again then, and not another made with each try. */
  async #cutOff(): Promise<void> {
    try {
      await truncate(this.#path(), this.#bytes);
    } catch {
      this.#bytes = Infinity; // begins another file
    }
  }

  close(): void {
    clearInterval(this.#sweeping);
  }

  async #choose(bytes: number): Promise<void> {
    const today = dayOf(Date.now());
    const isFull = this.#bytes > 0 && this.#bytes + bytes > this.#settings.maxBytes / filesInAll;
    if (today === this.#day && !isFull) return;
    this.#number = today === this.#day ? this.#number + 1 : 1;
    this.#day = today;
    this.#bytes = 0;
    await this.#sweep();
  }

  #path(): string {
    const { folder, name } = this.#settings;
    return path.join(folder, `${name}.${this.#day}.${this.#id}.${this.#number}.jsonl`);
  }

  async #sweep(): Promise<void> {
    const { keptDays, maxBytes } = this.#settings;
    const oldestDay = dayOf(Date.now() - keptDays * dayMs);
    let room = maxBytes - maxBytes / filesInAll; // for the file that is begun
    for (const { file, day, bytes } of await this.#newestFirst()) {
      room -= bytes;
      if (day < oldestDay || room < 0) await unlink(file).catch(goneAlready);
    }
  }

  async #newestFirst(): Promise<readonly KeptFile[]> {
    const { folder, name } = this.#settings;
    const found = (await readdir(folder)).flatMap((entry) => {
      const [prefix, day = ""] = entry.split(".");
      const isOne = prefix === name && /^\d{4}-\d\d-\d\d$/.test(day) && entry.endsWith(".jsonl");
      return isOne ? [{ day, file: path.join(folder, entry) }] : [];
    });
    const files = await Promise.all(found.map(keptFile));
    return files.flat().sort((a, b) => b.writtenMs - a.writtenMs);
  }
}

interface KeptFile {
  readonly file: string;
  readonly day: string;
  readonly bytes: number;
  readonly writtenMs: number;
}

/** Nothing when another process has deleted it meanwhile. */
async function keptFile({ file, day }: Pick<KeptFile, "file" | "day">): Promise<readonly KeptFile[]> {
  const found = await stat(file).catch(goneAlready);
  return found ? [{ file, day, bytes: found.size, writtenMs: found.mtimeMs }] : [];
}

function goneAlready(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw error;
}

function dayOf(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 10);
}
