import type { Command } from "commander";
import { type ConfigurationOptions, environmentOf, readConfiguration } from "./configuration.ts";
import { type Terminal, write } from "./terminal.ts";

interface CheckOptions extends ConfigurationOptions {
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

async function checkConfig(options: CheckOptions, terminal: Terminal): Promise<void> {
  const { providers, routes } = (await readConfiguration(options, terminal)).configured;
  const file = environmentOf(options, terminal).LIVELLM_CONFIG;
  const found = `${count(providers, "provider")}, ${count(routes, "route")}`;
  await write(terminal, `the configuration is right; ${file ? `${file}: ` : ""}${found}\n`);
}

function count(things: readonly unknown[], what: string): string {
  return `${things.length} ${what}${things.length === 1 ? "" : "s"}`;
}

async function printSchema(terminal: Terminal): Promise<void> {
  const { configFileSchema } = await import("../config-file/json-schema.ts");
  await write(terminal, `${JSON.stringify(configFileSchema(), null, 2)}\n`);
}
