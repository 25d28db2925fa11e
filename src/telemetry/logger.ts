import { type Logger, pino } from "pino";

/**
 * The process's log: JSON lines on stdout. It writes to `process.stdout` and not to pino's own destination, which spins for
 * ever when the reader of the log goes away and then keeps the process from ending. The number of a worker is in each line.
 */
export function createLogger(level: string, worker?: number): Logger {
  process.stdout.on("error", () => undefined);
  const base = worker === undefined ? null : { worker };
  return pino({ level, base, timestamp: pino.stdTimeFunctions.isoTime }, process.stdout);
}

export type { Logger };
