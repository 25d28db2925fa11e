import { createContext, runInContext } from "node:vm";

/** The work took too long, and was stopped. */
export class TookTooLong extends Error {
  override readonly name = "TookTooLong";
}

/**
 * Runs synchronous work for at most so many milliseconds; a regular expression that backtracks for ever is stopped too,
 * which nothing but V8's own timeout does. Throws `TookTooLong`. Costs about 2 ms: not for a hot path.
 */
export function withinMs<T>(limitMs: number, work: () => T): T {
  const result: { value?: T } = {};
  const run = () => {
    result.value = work();
  };
  try {
    runInContext("run()", createContext({ run }), { timeout: limitMs });
  } catch (error) {
    throw isTimeout(error) ? new TookTooLong(`took more than ${limitMs} ms`) : error;
  }
  return result.value as T;
}

/** It is an Error of the context, which is none of ours. */
function isTimeout(error: unknown): boolean {
  return (
    typeof error === "object" && error !== null && "code" in error && error.code === "ERR_SCRIPT_EXECUTION_TIMEOUT"
  );
}
