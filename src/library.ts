import type { DescService } from "@bufbuild/protobuf";
import { type Client, createClient } from "@connectrpc/connect";
import { type App, createApp as buildApp } from "./app.ts";
import type { Config } from "./config.ts";
import { createLogger, type Logger } from "./telemetry/logger.ts";

export type { App } from "./app.ts";
export type { Config } from "./config.ts";
export { LivellmError } from "./core/error.ts";
export { loadConfig } from "./load-config.ts";
export type { Logger } from "./telemetry/logger.ts";

/** A gateway in this process, built and not yet listening. Logs at the configuration's level unless given a logger. */
export function createApp(config: Config, logger: Logger = createLogger(config.logLevel)): Promise<App> {
  return buildApp(config, logger);
}

/** A gateway that is called without a port; disposed, it is gone. */
export interface InProcessGateway extends AsyncDisposable {
  client<S extends DescService>(service: S): Client<S>;
  close(): Promise<void>;
}

/** For tests: the whole gateway, the same handlers behind the same interceptors, and nothing that listens. */
export async function createInProcessGateway(config: Config, logger?: Logger): Promise<InProcessGateway> {
  const app = await createApp(config, logger);
  return {
    client: (service) => createClient(service, app.transport),
    close: () => app.close(),
    [Symbol.asyncDispose]: () => app.close(),
  };
}
