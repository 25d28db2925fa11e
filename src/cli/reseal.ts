import type { Command } from "commander";
import { type ConfigurationOptions, useStore } from "./configuration.ts";
import { CommandFailure, exitCodes } from "./exit-codes.ts";
import { type Terminal, tell } from "./terminal.ts";

/** `livellm reseal`: the last step of changing the master key. */
export function addReseal(program: Command, terminal: Terminal): void {
  program
    .command("reseal")
    .description("seal the stored secrets again with LIVELLM_MASTER_KEY, opened with LIVELLM_OLD_MASTER_KEYS")
    .option("-c, --config <file>", "a YAML file, in place of LIVELLM_CONFIG")
    .addHelpText("after", "\nIt may be broken off and repeated, while gateways run. See docs/operating.md.\n")
    .action(async (options: ConfigurationOptions) => reseal(options, terminal));
}

async function reseal(options: ConfigurationOptions, terminal: Terminal): Promise<void> {
  const { resealed, current, unreadable } = await useStore({ ...options, mustExist: true }, terminal, (store) =>
    store.reseal(),
  );
  tell(terminal, `${resealed} sealed again, ${current} were so already`);
  if (unreadable.length === 0) return;
  throw new CommandFailure(exitCodes.failed, [
    `none of the keys opens the secrets of: ${unreadable.join(", ")}`,
    "name the key that they were sealed with in LIVELLM_OLD_MASTER_KEYS, and say it again",
  ]);
}
