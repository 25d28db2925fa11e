import { toJsonString } from "@bufbuild/protobuf";
import type { Command } from "commander";
import {
  Capability,
  CapabilitySchema,
  type ListModelsResponse,
  type Model,
  ModelSchema,
  ModelsService,
} from "../../gen/livellm/v1/models_service_pb.ts";
import { callFailure, wordOf } from "./call-failure.ts";
import { inColumns } from "./columns.ts";
import { type ConnectionOptions, connect } from "./connection.ts";
import { CommandFailure, exitCodes, wrongUsage } from "./exit-codes.ts";
import { listenForInterrupt } from "./interrupt.ts";
import { type Terminal, tell, write } from "./terminal.ts";

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
  using connection = connect(options, terminal);
  using interrupt = listenForInterrupt(terminal);
  const client = connection.client(ModelsService);
  const request = { provider: options.provider ?? "", capabilities, pageSize: 1000 };
  try {
    const listed = await allPages((pageToken) =>
      client.listModels({ ...request, pageToken }, { signal: interrupt.signal }),
    );
    await write(terminal, options.json ? inJson(listed.models) : inWords(listed.models));
    sayFailures(listed, terminal);
  } catch (error) {
    throw callFailure(error, { url: connection.url });
  }
}

function capabilityOf(word: string): Capability {
  const value = Object.values(Capability).find(
    (candidate) => wordOf(CapabilitySchema, candidate).replaceAll(" ", "-") === word,
  );
  if (value) return value;
  throw wrongUsage(`there is no capability "${word}"; there are: ${capabilityWords.join(", ")}`);
}

type Listed = Pick<ListModelsResponse, "models" | "failures">;

async function allPages(page: (token: string) => Promise<ListModelsResponse>): Promise<Listed> {
  const all: { models: Model[]; failures: ListModelsResponse["failures"] } = { models: [], failures: [] };
  let token = "";
  do {
    const response = await page(token);
    all.models.push(...response.models);
    all.failures = response.failures.length > 0 ? response.failures : all.failures;
    token = response.nextPageToken;
  } while (token !== "");
  return all;
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
function sayFailures({ failures }: Listed, terminal: Terminal): void {
  if (failures.length === 0) return;
  for (const { provider, failure } of failures)
    tell(terminal, `${provider} could not be listed: ${failure?.message ?? "no reason was given"}`);
  throw new CommandFailure(exitCodes.incomplete, ["the list is not complete"]);
}
