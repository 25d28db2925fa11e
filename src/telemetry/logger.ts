import { type Logger, pino } from "pino";

/**
 * The process's log: JSON lines on stdout. It writes to `process.stdout` and not to pino's own destination, which spins for
 * ever when the reader of the log goes away and then keeps the process from ending.
 */
export function createLogger(level: string): Logger {
  process.stdout.on("error", () => undefined);
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, process.stdout);
}

export type { Logger };
