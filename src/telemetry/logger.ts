import { type Logger, pino } from "pino";
import { LineBuffer } from "./line-buffer.ts";

/**
 * The process's log: JSON lines on stdout, those of one turn of the event loop together; what is left is written when the
 * process ends. It writes to `process.stdout` and not to pino's own destination, which spins for ever when the reader of the
 * log goes away and then keeps the process from ending. The number of a worker is in each line.
 */
export function createLogger(level: string, worker?: number): Logger {
  process.stdout.on("error", () => undefined);
  const lines = new LineBuffer(process.stdout);
  process.once("exit", () => lines.flush());
  const base = worker === undefined ? null : { worker };
  return pino({ level, base, timestamp: timestamps() }, lines);
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
