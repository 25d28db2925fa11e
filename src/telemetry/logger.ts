import { type DestinationStream, type Logger, pino } from "pino";
import { LineBuffer } from "./line-buffer.ts";
import { type LogFileSettings, openLogFiles } from "./log-files.ts";

export interface LogSettings {
  readonly logLevel: string;
  /** Rotated files instead of stdout. */
  readonly logFiles?: LogFileSettings;
}

/** The log of the process where its settings want it. Throws when files cannot be kept where they say. */
export async function openLogger({ logLevel, logFiles }: LogSettings, worker?: number): Promise<Logger> {
  if (!logFiles) return createLogger(logLevel, worker);
  const files = await openLogFiles(logFiles, logLevel, worker);
  process.once("exit", () => files.flush());
  return loggerTo(files.destination, logLevel, worker);
}

/**
 * The process's log: JSON lines on stdout, those of one turn of the event loop together; what is left is written when the
 * process ends. It writes to `process.stdout` and not to pino's own destination, which spins for ever when the reader of the
 * log goes away and then keeps the process from ending. The number of a worker is in each line.
 */
export function createLogger(level: string, worker?: number): Logger {
  process.stdout.on("error", () => undefined);
  const lines = new LineBuffer(process.stdout);
  process.once("exit", () => lines.flush());
  return loggerTo(lines, level, worker);
}

function loggerTo(destination: DestinationStream, level: string, worker: number | undefined): Logger {
  const base = worker === undefined ? null : { worker };
  return pino({ level, base, timestamp: timestamps() }, destination);
}

/** pino's `isoTime`, written once for each millisecond. */
function timestamps(): () => string {
  let lastMs = 0;
  let text = "";
  return () => {
    const nowMs = Date.now();
    if (nowMs !== lastMs) text = `,"time":"${new Date(nowMs).toISOString()}"`;
    lastMs = nowMs;
    return text;
  };
}

export type { Logger };
