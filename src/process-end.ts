import { constants } from "node:os";
import type { Config } from "./config.ts";
import { loadConfig } from "./load-config.ts";
import type { FaultReports } from "./telemetry/fault-reports.ts";
import { type Logger, openLogger } from "./telemetry/logger.ts";

/** The configuration, or the end of the process with what is wrong with it. */
export function readConfigOrExit(environment: Readonly<Record<string, string | undefined>>): Promise<Config> {
  return orExit(() => loadConfig(environment));
}

/** The log, or the end of the process with why there can be none. */
export function openLoggerOrExit(config: Config, worker?: number): Promise<Logger> {
  return orExit(() => openLogger(config, worker));
}

async function orExit<T>(begin: () => Promise<T>): Promise<T> {
  try {
    return await begin();
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

/**
 * Reports what nobody has caught, and then ends the process as Node does by itself, where faults are reported at all.
 */
export function reportUncaught(faults: FaultReports | undefined, logger: Logger): void {
  if (!faults) return;
  process.once("uncaughtException", (error, origin) => {
    logger.fatal({ err: error, origin }, "nobody has caught this: the process ends");
    faults.report(error, { origin });
    void faults.close().finally(() => process.exit(1));
  });
}

/**
 * Calls back when the process is asked to end, or its terminal is closed (SIGHUP); the second time it ends at once. Left to
 * the system, the first process of a container would hear none of them.
 */
export function onSignals(drain: (signal: string) => void): void {
  let isAsked = false;
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
    process.on(signal, () => {
      if (isAsked) process.exit(128 + constants.signals[signal]);
      isAsked = true;
      drain(signal);
    });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
