import type { Command } from "commander";
import type { Terminal } from "./terminal.ts";

interface ServeOptions {
  readonly host?: string;
  readonly port?: string;
}

/** `livellm serve`: the gateway itself, in this process. */
export function addServe(program: Command, terminal: Terminal): void {
  program
    .command("serve")
    .description("run the gateway, until SIGTERM or ctrl-C")
    .option("--host <address>", "where to listen, in place of HOST")
    .option("--port <number>", "the port, in place of PORT; 0 takes a free one")
    .addHelpText("after", "\nExamples:\n  livellm serve\n  livellm serve --port 9000\n")
    .action(async (options: ServeOptions) => {
      // Loaded when it is needed: the gateway is much, and its clients want to begin at once.
      const { serve } = await import("../serve.ts");
      await serve({ ...terminal.environment, ...overriding(options) });
    });
}

/** What the command line says, as the environment would say it. */
function overriding({ host, port }: ServeOptions): Readonly<Record<string, string>> {
  return {
    ...(host !== undefined && { HOST: host }),
    ...(port !== undefined && { PORT: port }),
  };
}
