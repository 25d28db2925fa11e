import { createApp } from "./app.ts";
import { type Config, readConfig } from "./config.ts";
import { giveBackMemoryWhenIdle } from "./idle-memory.ts";
import { createLogger } from "./telemetry/logger.ts";

/**
 * The gateway as a process: reads its configuration, listens, and drains on SIGTERM and SIGINT. Ends the process: with 0
 * once it has drained, with 1 and what was wrong when it cannot start.
 */
export async function serve(environment: Readonly<Record<string, string | undefined>>): Promise<void> {
  const config = readConfigOrExit(environment);
  const logger = createLogger(config.logLevel);
  try {
    const app = await createApp(config, logger);
    const { url } = await app.listen();
    logger.info({ url, node: process.version }, "listening");
    giveBackMemoryWhenIdle();
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      process.once(signal, () => {
        logger.info({ signal, graceMs: config.shutdownGraceMs }, "draining");
        void app.close().then(() => {
          logger.info("stopped");
          process.exit(0);
        });
      });
    }
  } catch (error) {
    logger.fatal(messageOf(error));
    process.exit(1);
  }
}

function readConfigOrExit(environment: Readonly<Record<string, string | undefined>>): Config {
  try {
    return readConfig(environment);
  } catch (error) {
    process.stderr.write(`livellm: ${messageOf(error)}\n`);
    process.exit(1);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
