import { toJsonString } from "@bufbuild/protobuf";
import type { Command } from "commander";
import {
  Capability,
  CapabilitySchema,
  type Model,
  ModelSchema,
  ModelsService,
  type ProviderFailure,
} from "../../gen/livellm/v1/models_service_pb.ts";
import { wordOf } from "./call-failure.ts";
import { allPages, callGateway } from "./call-gateway.ts";
import { inColumns } from "./columns.ts";
import type { ConnectionOptions } from "./connection.ts";
import { CommandFailure, exitCodes, wrongUsage } from "./exit-codes.ts";
import { type Terminal, tell, writeText } from "./terminal.ts";

interface ModelsOptions extends ConnectionOptions {
  readonly provider?: string;
  readonly capability?: string;
  readonly json?: boolean;
}

/** `livellm models`: what the providers have. */
export function addModels(program: Command, terminal: Terminal): void {
  program
    .command("models")
    .description("list the models of the providers")
    .option("-p, --provider <id>", "only those of this provider")
    .option("-c, --capability <word>", `only those that can: ${capabilityWords.join(", ")}`)
    .option("--json", "a line of JSON each, as the API gives them")
    .addHelpText("after", "\nExamples:\n  livellm models\n  livellm models --capability transcribe\n")
    .action(async (_: unknown, command: Command) => models(command.optsWithGlobals(), terminal));
}

/** `speak duplex` and the like are written with a hyphen on the command line. */
const capabilityWords = Object.values(Capability)
  .filter((value) => value !== Capability.UNSPECIFIED)
  .map((value) => wordOf(CapabilitySchema, value).replaceAll(" ", "-"));

async function models(options: ModelsOptions, terminal: Terminal): Promise<void> {
  const capabilities = options.capability === undefined ? [] : [capabilityOf(options.capability)];
  const listed = await callGateway(options, terminal, async (connection, signal) => {
    const client = connection.client(ModelsService);
    const request = { provider: options.provider ?? "", capabilities, pageSize: 1000 };
    return Array.fromAsync(allPages((pageToken) => client.listModels({ ...request, pageToken }, { signal })));
  });
  const found = listed.flatMap((page) => page.models);
  await writeText(terminal, options.json ? inJson(found) : inWords(found));
  sayFailures(listed.at(0)?.failures ?? [], terminal);
}

function capabilityOf(word: string): Capability {
  const value = Object.values(Capability).find(
    (candidate) => wordOf(CapabilitySchema, candidate).replaceAll(" ", "-") === word,
  );
  if (value) return value;
  throw wrongUsage(`there is no capability "${word}"; there are: ${capabilityWords.join(", ")}`);
}

function inJson(models: readonly Model[]): string {
  return models.map((model) => `${toJsonString(ModelSchema, model)}\n`).join("");
}

function inWords(models: readonly Model[]): string {
  const rows = models.map(({ provider, id, capabilities, contextWindow }) => [
    provider,
    id,
    capabilities.map((value) => wordOf(CapabilitySchema, value)).join(", "),
    contextWindow === undefined ? "" : `${contextWindow} tokens`,
  ]);
  return inColumns([["PROVIDER", "MODEL", "CAN", "CONTEXT"], ...rows]);
}

/** A list with gaps is no whole list, and the program does not end as if it were. */
function sayFailures(failures: readonly ProviderFailure[], terminal: Terminal): void {
  if (failures.length === 0) return;
  for (const { provider, failure } of failures)
    tell(terminal, `${provider} could not be listed: ${failure?.message ?? "no reason was given"}`);
  throw new CommandFailure(exitCodes.incomplete, ["the list is not complete"]);
}
