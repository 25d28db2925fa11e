import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import type { ImportCounts } from "../store/import-store.ts";
import { type ConfigurationOptions, useStore } from "./configuration.ts";
import { CommandFailure, exitCodes } from "./exit-codes.ts";
import { type PassphraseOptions, passphraseOf } from "./passphrase.ts";
import { readInput, type Terminal, tell } from "./terminal.ts";

interface ImportOptions extends ConfigurationOptions, PassphraseOptions {
  readonly replace?: boolean;
  readonly check?: boolean;
}

/** `livellm import`: all of an export into a store, or nothing. */
export function addImport(program: Command, terminal: Terminal): void {
  program
    .command("import")
    .description("put an export into the store that DATABASE_URL names: all of it, or nothing")
    .argument("<file>", "what livellm export has written; - for the standard input")
    .option("--replace", "let it take the place of what is there with other content; refused when not said")
    .option("--check", "say what would be done, and do nothing")
    .option("--passphrase-file <file>", "a file with the passphrase; LIVELLM_EXPORT_PASSPHRASE when not given")
    .option("-c, --config <file>", "a YAML file, in place of LIVELLM_CONFIG")
    .addHelpText("after", examples)
    .action(async (file: string, options: ImportOptions) => runImport(file, options, terminal));
}

const examples = `
Example, from SQLite to PostgreSQL, with the same LIVELLM_MASTER_KEY:
  livellm export | DATABASE_URL=postgres://… livellm import -
`;

async function runImport(file: string, options: ImportOptions, terminal: Terminal): Promise<void> {
  const document = await readDocument(file, terminal);
  const passphrase = passphraseOf(options, terminal);
  const report = await useStore({ ...options, mustExist: false }, terminal, async (store) => {
    const [{ importStore }, { describeKinds }] = await Promise.all([
      import("../store/import-store.ts"),
      import("../provider-kinds.ts"),
    ]);
    const existing = options.replace ? "replace" : "refuse";
    const { checkSettings } = describeKinds();
    return importStore(store, document, { passphrase, existing, checkSettings, checkOnly: options.check ?? false });
  });
  for (const [what, counts] of Object.entries(report)) tell(terminal, `${what}: ${inWords(counts)}`);
  if (options.check) tell(terminal, "nothing has been changed");
}

async function readDocument(file: string, terminal: Terminal): Promise<unknown> {
  try {
    return JSON.parse(file === "-" ? await readInput(terminal) : await readFile(file, "utf8"));
  } catch (error) {
    // What JSON.parse says of a text quotes it, and there may be keys in it.
    const why =
      error instanceof SyntaxError ? "it is not JSON" : error instanceof Error ? error.message : String(error);
    throw new CommandFailure(exitCodes.failed, [`${file} cannot be read: ${why}`]);
  }
}

function inWords({ created, replaced, unchanged }: ImportCounts): string {
  return `${created} created, ${replaced} replaced, ${unchanged} unchanged`;
}
