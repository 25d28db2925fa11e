import type { Command } from "commander";
import type { Terminal } from "./terminal.ts";

interface ServeOptions {
  readonly host?: string;
  readonly port?: string;
  readonly config?: string;
}

/** `livellm serve`: the gateway itself, in this process. */
export function addServe(program: Command, terminal: Terminal): void {
  program
    .command("serve")
    .description("run the gateway, until SIGTERM or ctrl-C")
    .option("--host <address>", "where to listen, in place of HOST")
    .option("--port <number>", "the port, in place of PORT; 0 takes a free one")
    .option("-c, --config <file>", "a YAML file of settings, providers and routes, in place of LIVELLM_CONFIG")
    .addHelpText("after", "\nExamples:\n  livellm serve --port 9000\n  livellm serve --config livellm.yaml\n")
    .action(async (options: ServeOptions) => {
      // Loaded when it is needed: the gateway is much, and its clients want to begin at once.
      const { serve } = await import("../serve.ts");
      await serve({ ...terminal.environment, ...overriding(options) });
    });
}

/** What the command line says, as the environment would say it. */
function overriding({ host, port, config }: ServeOptions): Readonly<Record<string, string>> {
  return {
    ...(host !== undefined && { HOST: host }),
    ...(port !== undefined && { PORT: port }),
    ...(config !== undefined && { LIVELLM_CONFIG: config }),
  };
}
