import { rename, rm, writeFile } from "node:fs/promises";
import { type Command, Option } from "commander";
import type { ExportedSecrets } from "../store/export-secrets.ts";
import { type ConfigurationOptions, useStore } from "./configuration.ts";
import { CommandFailure, exitCodes, wrongUsage } from "./exit-codes.ts";
import { type PassphraseOptions, passphraseOf } from "./passphrase.ts";
import { type Terminal, tell, write } from "./terminal.ts";

interface ExportOptions extends ConfigurationOptions, PassphraseOptions {
  readonly secrets: ExportedSecrets["form"];
  readonly output?: string;
}

/** `livellm export`: what the store keeps, as a file for another. */
export function addExport(program: Command, terminal: Terminal): void {
  program
    .command("export")
    .description("write down the providers, routes and tokens of the store that DATABASE_URL names, for import")
    .option("-o, --output <file>", "where it goes, for its owner alone; the standard output when not given")
    .addOption(
      new Option(
        "--secrets <form>",
        "sealed with the master key, sealed with a passphrase, or plain, to be read by all",
      )
        .choices(["sealed", "passphrase", "plain"])
        .default("sealed"),
    )
    .option("--passphrase-file <file>", "a file with the passphrase; LIVELLM_EXPORT_PASSPHRASE when not given")
    .option("-c, --config <file>", "a YAML file, in place of LIVELLM_CONFIG")
    .addHelpText("after", "\nExample:\n  livellm export --secrets passphrase --output livellm-export.json\n")
    .action(async (options: ExportOptions) => runExport(options, terminal));
}

async function runExport(options: ExportOptions, terminal: Terminal): Promise<void> {
  const secrets = secretsOf(options, terminal);
  const document = await useStore({ ...options, mustExist: true }, terminal, async (store) => {
    const { exportStore } = await import("../store/export-store.ts");
    return exportStore(store, secrets);
  });
  const text = `${JSON.stringify(document, null, 2)}\n`;
  if (options.output === undefined) await write(terminal, text);
  else await writeWhole(options.output, text);
  const { providers, routes, tokens } = document;
  tell(terminal, `${providers.length} providers, ${routes.length} routes, ${tokens.length} tokens`);
  if (secrets.form === "plain") tell(terminal, "the API keys in it can be read by everybody who has the file");
}

function secretsOf(options: ExportOptions, terminal: Terminal): ExportedSecrets {
  if (options.secrets !== "passphrase") return { form: options.secrets };
  const passphrase = passphraseOf(options, terminal);
  if (passphrase) return { form: "passphrase", passphrase };
  throw wrongUsage("give the passphrase in LIVELLM_EXPORT_PASSPHRASE, or in a file with --passphrase-file");
}

/** The file has its name only when it is whole; what was there before stays until then. */
async function writeWhole(file: string, text: string): Promise<void> {
  const part = `${file}.${process.pid}.part`;
  try {
    await writeFile(part, text, { mode: 0o600, flag: "wx" });
    await rename(part, file);
  } catch (error) {
    await rm(part, { force: true });
    throw new CommandFailure(exitCodes.failed, [
      `${file} cannot be written: ${error instanceof Error ? error.message : String(error)}`,
    ]);
  }
}
