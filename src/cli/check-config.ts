import type { Command } from "commander";
import { CommandFailure, exitCodes } from "./exit-codes.ts";
import { type Terminal, write } from "./terminal.ts";

interface CheckOptions {
  readonly config?: string;
  readonly schema?: boolean;
}

/** `livellm check-config`: what `serve` would say of its configuration, without serving. */
export function addCheckConfig(program: Command, terminal: Terminal): void {
  program
    .command("check-config")
    .description("check the configuration as a whole, and say everything that is wrong with it")
    .option("-c, --config <file>", "a YAML file, in place of LIVELLM_CONFIG")
    .option("--schema", "print the JSON Schema of the file, for editors")
    .addHelpText("after", examples)
    .action(async (options: CheckOptions) => (options.schema ? printSchema(terminal) : checkConfig(options, terminal)));
}

const examples = `
Examples:
  livellm check-config --config livellm.yaml
  livellm check-config --schema > livellm.schema.json
`;

async function checkConfig({ config }: CheckOptions, terminal: Terminal): Promise<void> {
  const { loadConfig } = await import("../load-config.ts");
  const environment = { ...terminal.environment, ...(config !== undefined && { LIVELLM_CONFIG: config }) };
  try {
    const { configured } = await loadConfig(environment);
    const { providers, routes } = configured;
    const from = environment.LIVELLM_CONFIG ? ` ${environment.LIVELLM_CONFIG}:` : "";
    await write(
      terminal,
      `the configuration is right;${from} ${count(providers, "provider")}, ${count(routes, "route")}\n`,
    );
  } catch (error) {
    if (error instanceof CommandFailure || !(error instanceof Error)) throw error;
    throw new CommandFailure(exitCodes.failed, error.message.split("\n"));
  }
}

function count(things: readonly unknown[], what: string): string {
  return `${things.length} ${what}${things.length === 1 ? "" : "s"}`;
}

async function printSchema(terminal: Terminal): Promise<void> {
  const { configFileSchema } = await import("../config-file/json-schema.ts");
  await write(terminal, `${JSON.stringify(configFileSchema(), null, 2)}\n`);
}
