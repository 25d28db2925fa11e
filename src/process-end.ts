import type { Config } from "./config.ts";
import { loadConfig } from "./load-config.ts";
import type { Logger } from "./telemetry/logger.ts";

/** The configuration, or the end of the process with what is wrong with it. */
export async function readConfigOrExit(environment: Readonly<Record<string, string | undefined>>): Promise<Config> {
  try {
    return await loadConfig(environment);
  } catch (error) {
    process.stderr.write(`livellm: ${messageOf(error)}\n`);
    process.exit(1);
  }
}

/** Ends the process because of what it cannot do without. */
export function exitWith(error: unknown, logger: Logger): never {
  logger.fatal(messageOf(error));
  process.exit(1);
}

/** Calls back when the process is asked to end; the second time a signal comes it ends at once. */
export function onSignals(drain: (signal: string) => void): void {
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, drain);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
