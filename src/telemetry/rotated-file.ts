import { once } from "node:events";
import { access, constants, mkdir } from "node:fs/promises";
import path from "node:path";

/** Where lines are appended. */
export interface RotatedFile {
  /** Takes one line, with its line break. */
  write(line: string): void;
  /** Writes what is there, now. Throws nothing: what cannot be written is lost. */
  flush(): void;
}

export interface RotationSettings {
  /** Made when it is not there. */
  readonly folder: string;
  /** The files are `NAME.1.log`, `NAME.2.log` and so on; with `dated` the day stands before the number. */
  readonly name: string;
  /** A new file when one has become so large, in MiB. Not by size when unset. */
  readonly maxMebibytes?: number;
  /** How many files there are, with the one that is written; older ones are deleted. */
  readonly kept: number;
  readonly dated?: boolean;
  /** Told once when nothing can be written any more, and why; and again when that was mended in between. */
  readonly failed: (reason: string) => void;
}

/** A disk that does not keep up is waited for with so much; what comes beyond is dropped. */
const maxWaitingBytes = 16 * 1024 * 1024;

/** Opens a file that begins anew each day. Only the user of this process may read it. Throws when the folder cannot be used. */
export async function openRotatedFile(settings: RotationSettings): Promise<RotatedFile> {
  const { folder, name, maxMebibytes, kept, dated, failed } = settings;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await access(folder, constants.W_OK | constants.X_OK);
  const { default: roll } = await import("pino-roll");
  const file = await roll({
    file: path.join(folder, name),
    extension: ".log",
    frequency: "daily",
    ...(maxMebibytes !== undefined && { size: `${maxMebibytes}m` }),
    ...(dated && { dateFormat: "yyyy-MM-dd" }),
    limit: { count: kept, removeOtherLogFiles: true },
    mode: 0o600,
    maxLength: maxWaitingBytes,
  });
  await once(file, "ready");
  let isFailing = false;
  file.on("error", ({ message }: Error) => {
    if (!isFailing) failed(message);
    isFailing = true;
  });
  file.on("write", () => {
    isFailing = false;
  });
  return { write: (line) => void file.write(line), flush: () => flush(() => file.flushSync()) };
}

/** At the end of a process there is nobody left to tell. */
function flush(write: () => void): void {
  try {
    write();
  } catch {
    // Said when it began: "error" comes with the first line that could not be written.
  }
}
