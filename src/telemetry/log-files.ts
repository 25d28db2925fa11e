import { type Level, multistream, type StreamEntry } from "pino";
import { openRotatedFile, type RotatedFile } from "./rotated-file.ts";

export interface LogFileSettings {
  readonly folder: string;
  /** A file that has become so large is followed by another. */
  readonly maxMebibytes: number;
  /** How many of each kind there are, with the one that is written. */
  readonly kept: number;
}

/** Where pino writes its lines, and a way to have them all written at the end. */
export interface LogFiles {
  readonly destination: ReturnType<typeof multistream>;
  flush(): void;
}

/**
 * The files of a log: `app` has what happens, from `info` on, `error` the errors once more, and `debug` everything when the
 * level lets more through than `app` takes. `worker` is part of the names: two processes cannot rotate one file.
 */
export async function openLogFiles(settings: LogFileSettings, level: string, worker?: number): Promise<LogFiles> {
  const isVerbose = level === "debug" || level === "trace";
  const names: readonly (readonly [string, Level])[] = [
    ["app", isVerbose ? "info" : (level as Level)],
    ["error", "error"],
    ...(isVerbose ? [["debug", "trace"] as const] : []),
  ];
  const entries = await Promise.all(
    names.map(async ([name, from]) => ({
      level: from,
      stream: await openOne(settings, worker === undefined ? name : `${name}-worker-${worker}`),
    })),
  );
  return {
    destination: multistream(entries as StreamEntry[], { dedupe: false }),
    flush: () => entries.forEach(({ stream }) => void stream.flush()),
  };
}

async function openOne({ folder, maxMebibytes, kept }: LogFileSettings, name: string): Promise<RotatedFile> {
  // The one place that is left to say it.
  const failed = (reason: string) =>
    process.stderr.write(`livellm: the log in ${folder} cannot be written, serving goes on without it: ${reason}\n`);
  try {
    return await openRotatedFile({ folder, name, maxMebibytes, kept, failed });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`LIVELLM_LOG_FOLDER: the log cannot be kept in ${folder}: ${reason}`, { cause });
  }
}
