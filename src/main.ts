import { existsSync } from "node:fs";
import { createApp } from "./app.ts";
import { type Config, readConfig } from "./config.ts";
import { createLogger } from "./telemetry/logger.ts";

const config = readConfigOrExit();
const logger = createLogger(config.logLevel);

try {
  const app = await createApp(config, logger);
  const { url } = await app.listen();
  logger.info({ url, node: process.version }, "listening");
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
  logger.fatal(error instanceof Error ? error.message : String(error));
  process.exit(1);
}

/** `.env` in the working directory is read first; what the environment already says wins. */
function readConfigOrExit(): Config {
  try {
    if (existsSync(".env")) process.loadEnvFile(".env");
    return readConfig(process.env);
  } catch (error) {
    process.stderr.write(`livellm: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  }
}
