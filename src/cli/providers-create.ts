import type { Command } from "commander";
import { ProvidersService } from "../../gen/livellm/v1/providers_service_pb.ts";
import { callGateway } from "./call-gateway.ts";
import { type ConnectionOptions, readSecretFile } from "./connection.ts";
import { wrongUsage } from "./exit-codes.ts";
import { readInput, type Terminal, tell } from "./terminal.ts";

interface CreateOptions extends ConnectionOptions {
  readonly kind: string;
  readonly apiKeyEnv?: string;
  readonly apiKeyFile?: string;
  readonly baseUrl?: string;
  readonly displayName?: string;
  readonly defaultModel?: string;
  readonly fallbackModel?: string;
  readonly check?: boolean;
}

/** `livellm providers create`. A key is never on the command line, where every user of the machine can read it. */
export function addCreateProvider(providers: Command, terminal: Terminal): void {
  providers
    .command("create")
    .description("add one, kept by the gateway")
    .argument("<id>", "what it is to be called, such as openai-1")
    .requiredOption("-k, --kind <kind>", "what it is: see livellm providers kinds")
    .option("--api-key-env <name>", "the variable of the environment that has its API key")
    .option("--api-key-file <file>", "the file that has its API key; - for the standard input")
    .option("--base-url <url>", "where it is, when not at its usual address")
    .option("--display-name <name>", "a name for people")
    .option("--default-model <model>", "the model of calls that name none")
    .option("--fallback-model <model>", "the model to try when that one fails")
    .option("--check", "ask it for its models, and do not keep it")
    .action(async (id: string, _: unknown, command: Command) => create(id, command.optsWithGlobals(), terminal));
}

async function create(id: string, options: CreateOptions, terminal: Terminal): Promise<void> {
  const { kind, baseUrl, displayName, defaultModel, fallbackModel, check: validateOnly = false } = options;
  const apiKey = await apiKeyOf(options, terminal);
  const provider = { id, kind, apiKey, baseUrl, displayName, defaultModel, fallbackModel };
  await callGateway(options, terminal, (connection, signal) =>
    connection.client(ProvidersService).createProvider({ provider, validateOnly }, { signal }),
  );
  tell(terminal, validateOnly ? `${id} answers; it has not been kept` : `added ${id}`);
}

async function apiKeyOf({ apiKeyEnv, apiKeyFile }: CreateOptions, terminal: Terminal): Promise<string | undefined> {
  if (apiKeyEnv !== undefined && apiKeyFile !== undefined)
    throw wrongUsage("--api-key-env and --api-key-file: choose one");
  if (apiKeyFile !== undefined)
    return apiKeyFile === "-" ? (await readInput(terminal)).trim() : readSecretFile(apiKeyFile, "the API key");
  if (apiKeyEnv === undefined) return undefined;
  const key = terminal.environment[apiKeyEnv]?.trim();
  if (key) return key;
  throw wrongUsage(`the environment has no variable of the name that --api-key-env gives`);
}
