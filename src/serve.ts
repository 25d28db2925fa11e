import type { Config } from "./config.ts";
import { giveBackMemoryOfStart, giveBackMemoryWhenIdle } from "./idle-memory.ts";
import { misspelledVariables } from "./misspelled-variables.ts";
import { exitWith, onSignals, openLoggerOrExit, readConfigOrExit, reportUncaught } from "./process-end.ts";
import { listenInWorkers } from "./serve-in-workers.ts";
import type { Logger } from "./telemetry/logger.ts";
import { packageVersion } from "./telemetry/package-version.ts";
import { allocateYoung } from "./young-generation.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** What listens, and can be drained. */
interface Server {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * The gateway as a process: reads its configuration, listens, and drains on SIGTERM, SIGINT and SIGHUP. Ends the process: with
 * 0 once it has drained, with 1 and what was wrong when it cannot start.
 */
export async function serve(environment: Environment): Promise<void> {
  const config = await readConfigOrExit(environment);
  const logger = await openLoggerOrExit(config);
  for (const { name, problem } of misspelledVariables(environment)) logger.warn(`${name}: ${problem}`);
  let server: Server | undefined;
  onSignals((signal) => void end(server, { signal, graceMs: config.shutdownGraceMs }, logger));
  try {
    server = await (config.workers > 1 ? listenInWorkers(config, environment, logger) : listenHere(config, logger));
    const { url } = server;
    logger.info(
      { url, version: packageVersion(), node: process.version, ...(config.workers > 1 && { workers: config.workers }) },
      "listening",
    );
    giveBackMemoryWhenIdle();
  } catch (error) {
    exitWith(error, logger);
  }
}

/** One that does not listen yet, as it waits for its database, has nothing to let finish. */
async function end(
  server: Server | undefined,
  told: { readonly signal: string; readonly graceMs: number },
  logger: Logger,
): Promise<void> {
  if (server) logger.info(told, "draining");
  await server?.close();
  logger.info("stopped");
  process.exit(0);
}

async function listenHere(config: Config, logger: Logger): Promise<Server> {
  allocateYoung();
  const { createApp } = await import("./app.ts");
  const app = await createApp(config, logger);
  giveBackMemoryOfStart();
  reportUncaught(app.faults, logger);
  const { url } = await app.listen();
  return { url, close: () => app.close() };
}
