import { fileURLToPath } from "node:url";
import type { Config } from "./config.ts";
import { serverUrl } from "./core/server-url.ts";
import { giveBackMemoryWhenIdle } from "./idle-memory.ts";
import { loadConfig } from "./load-config.ts";
import { createLogger, type Logger } from "./telemetry/logger.ts";
import { superviseWorkers } from "./workers/supervisor.ts";
import { linkToSupervisor } from "./workers/supervisor-link.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** What listens, and can be drained. */
interface Server {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * The gateway as a process: reads its configuration, listens, and drains on SIGTERM and SIGINT. Ends the process: with 0
 * once it has drained, with 1 and what was wrong when it cannot start.
 */
export async function serve(environment: Environment): Promise<void> {
  const config = await readConfigOrExit(environment);
  const logger = createLogger(config.logLevel);
  try {
    const server = await (config.workers > 1
      ? listenInWorkers(config, environment, logger)
      : listenHere(config, logger));
    const { url } = server;
    logger.info({ url, node: process.version, ...(config.workers > 1 && { workers: config.workers }) }, "listening");
    giveBackMemoryWhenIdle();
    onSignals((signal) => {
      logger.info({ signal, graceMs: config.shutdownGraceMs }, "draining");
      void server.close().then(() => {
        logger.info("stopped");
        process.exit(0);
      });
    });
  } catch (error) {
    exitWith(error, logger);
  }
}

/** One of several processes that serve one port: another accepts the connections, and says when to end. */
export async function serveAsWorker(number: number, environment: Environment): Promise<void> {
  const drained = Promise.withResolvers<number>();
  let draining = false;
  const drain = () => {
    draining = true;
    drained.resolve(0);
  };
  // Without a supervisor a second word of its end is the last one: it was killed while this worker drained.
  const link = linkToSupervisor({ onDrain: drain, onAlone: () => (draining ? process.exit(1) : drain()) });
  const config = await readConfigOrExit(environment);
  const logger = createLogger(config.logLevel, number);
  onSignals(drain);
  try {
    const { createApp } = await import("./app.ts");
    const app = await createApp(config, logger, link);
    await app.listen();
    link.ready();
    giveBackMemoryWhenIdle();
    await drained.promise;
    await app.close();
    process.exit(0);
  } catch (error) {
    exitWith(error, logger);
  }
}

async function listenHere(config: Config, logger: Logger): Promise<Server> {
  const { createApp } = await import("./app.ts");
  const app = await createApp(config, logger);
  const { url } = await app.listen();
  return { url, close: () => app.close() };
}

async function listenInWorkers(config: Config, environment: Environment, logger: Logger): Promise<Server> {
  const { maxConnections } = config.connectionLimits;
  const supervisor = await superviseWorkers({
    ...config,
    entry: workerFile(),
    environment: { ...environment },
    maxConnections,
    logger,
  });
  const url = serverUrl({ host: config.host, port: supervisor.port, secure: config.tls !== undefined });
  return { url, close: () => supervisor.close(config.drainDelayMs, config.shutdownGraceMs) };
}

/** The sources run as they are, and compiled. */
function workerFile(): string {
  return fileURLToPath(new URL(`./worker${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url));
}

function onSignals(drain: (signal: string) => void): void {
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, drain);
}

async function readConfigOrExit(environment: Environment): Promise<Config> {
  try {
    return await loadConfig(environment);
  } catch (error) {
    process.stderr.write(`livellm: ${messageOf(error)}\n`);
    process.exit(1);
  }
}

function exitWith(error: unknown, logger: Logger): never {
  logger.fatal(messageOf(error));
  process.exit(1);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
