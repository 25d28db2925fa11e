import { existsSync } from "node:fs";
import type { Config } from "../config.ts";
import { LivellmError } from "../core/error.ts";
import type { NamedDatabase } from "../store/database-url.ts";
import type { Store } from "../store/sql-store.ts";
import { CommandFailure, exitCodes } from "./exit-codes.ts";
import { type Terminal, tell } from "./terminal.ts";

/** What every command that reads the gateway's own configuration takes. */
export interface ConfigurationOptions {
  readonly config?: string;
}

/** The environment, with the file that `--config` names. */
export function environmentOf({ config }: ConfigurationOptions, { environment }: Terminal): Terminal["environment"] {
  return config === undefined ? environment : { ...environment, LIVELLM_CONFIG: config };
}

/**
 * The configuration that `serve` would have. Throws a CommandFailure with everything that is wrong with it, files and
 * addresses included.
 */
export async function readConfiguration(options: ConfigurationOptions, terminal: Terminal): Promise<Config> {
  // Loaded when it is needed: it brings what every kind of provider knows of itself.
  const [{ loadConfig }, { inspectConfig }, { misspelledVariables }] = await Promise.all([
    import("../load-config.ts"),
    import("../inspect-config.ts"),
    import("../misspelled-variables.ts"),
  ]);
  const environment = environmentOf(options, terminal);
  for (const { name, problem } of misspelledVariables(environment)) tell(terminal, `warning: ${name}: ${problem}`);
  try {
    return await loadConfig(environment, inspectConfig);
  } catch (error) {
    throw new CommandFailure(exitCodes.failed, (error instanceof Error ? error.message : String(error)).split("\n"));
  }
}

/** Opens the gateway's store for one command, without the gateway: one that runs sees what changes. */
export async function useStore<T>(
  options: ConfigurationOptions & { readonly mustExist: boolean },
  terminal: Terminal,
  use: (store: Store) => Promise<T>,
): Promise<T> {
  const config = await readConfiguration(options, terminal);
  const [{ openConfiguredStore }, { databaseNamed }] = await Promise.all([
    import("../store/configured-store.ts"),
    import("../store/database-url.ts"),
  ]);
  refuseMissing(databaseNamed(config.databaseUrl.reveal()), options.mustExist);
  const log = (message: string) => tell(terminal, message);
  try {
    const store = await openConfiguredStore(config, { info: log, warn: log });
    return await use(store).finally(() => store.close());
  } catch (error) {
    throw error instanceof LivellmError ? storeFailure(error) : error;
  }
}

/** To make an empty database where a path is mistyped, and find nothing in it, would look like an answer. */
function refuseMissing(database: NamedDatabase, mustExist: boolean): void {
  if (database.kind === "memory")
    throw new CommandFailure(exitCodes.failed, [
      "DATABASE_URL names a database in memory, which ends with its gateway",
    ]);
  if (mustExist && database.kind === "sqlite" && !existsSync(database.file))
    throw new CommandFailure(exitCodes.failed, [`there is no database ${database.file}: see DATABASE_URL`]);
}

function storeFailure({ message, facts }: LivellmError): CommandFailure {
  const violations = (facts.violations ?? []).map(({ field, description }) => `  ${field}: ${description}`);
  if (violations.length === 0) return new CommandFailure(exitCodes.failed, [message]);
  const count = violations.length === 1 ? "there is 1 mistake" : `there are ${violations.length} mistakes`;
  return new CommandFailure(exitCodes.failed, [count, ...violations]);
}
