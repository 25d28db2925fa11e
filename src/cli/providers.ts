import { toJsonString } from "@bufbuild/protobuf";
import type { Command } from "commander";
import {
  type Provider,
  type ProviderHealth,
  ProviderSchema,
  ProvidersService,
  ProviderHealth_Status as Status,
  ProviderHealth_StatusSchema as StatusSchema,
} from "../../gen/livellm/v1/providers_service_pb.ts";
import { wordOf } from "./call-failure.ts";
import { allPages, callGateway } from "./call-gateway.ts";
import { inColumns } from "./columns.ts";
import type { ConnectionOptions } from "./connection.ts";
import { CommandFailure, exitCodes } from "./exit-codes.ts";
import { addCreateProvider } from "./providers-create.ts";
import { type Terminal, tell, writeText } from "./terminal.ts";

/** `livellm providers`: what there is, and to add and remove one. */
export function addProviders(program: Command, terminal: Terminal): void {
  const providers = program
    .command("providers")
    .description("list, add, remove and check the providers of the gateway")
    .addHelpText("after", examples);
  providers
    .command("list", { isDefault: true })
    .description("list them; what is done when nothing else is said")
    .option("--json", "a line of JSON each, as the API gives them")
    .action(async (_: unknown, command: Command) => list(command.optsWithGlobals(), terminal));
  providers
    .command("kinds")
    .description("list the kinds of provider there are")
    .action(async (_: unknown, command: Command) => kinds(command.optsWithGlobals(), terminal));
  addCreateProvider(providers, terminal);
  providers
    .command("delete")
    .description("remove one")
    .argument("<id>")
    .action(async (id: string, _: unknown, command: Command) => remove(id, command.optsWithGlobals(), terminal));
  providers
    .command("check")
    .description("say how they are doing; ends with 1 when one of them is not well")
    .argument("[id]", "one of them; all when not given")
    .option("--probe", "ask them now, in place of what the calls of the last minutes have shown")
    .action(async (id: string | undefined, _: unknown, command: Command) =>
      check(id ?? "", command.optsWithGlobals(), terminal),
    );
}

const examples = `
Examples:
  livellm providers
  livellm providers kinds
  livellm providers create groq-1 --kind groq --api-key-env GROQ_API_KEY
  livellm providers check groq-1 --probe
`;

async function list(options: ConnectionOptions & { readonly json?: boolean }, terminal: Terminal): Promise<void> {
  const pages = await callGateway(options, terminal, async (connection, signal) => {
    const client = connection.client(ProvidersService);
    return Array.fromAsync(allPages((pageToken) => client.listProviders({ pageSize: 500, pageToken }, { signal })));
  });
  const found = pages.flatMap(({ providers }) => providers);
  const lines = found.map((provider) => `${toJsonString(ProviderSchema, provider)}\n`).join("");
  await writeText(terminal, options.json ? lines : inWords(found));
}

function inWords(providers: readonly Provider[]): string {
  const rows = providers.map((provider) => [
    provider.id,
    provider.kind,
    provider.obfuscatedApiKey,
    provider.defaultModel,
    [provider.readOnly && "read-only", provider.disabled && "disabled"].filter(Boolean).join(", "),
    provider.baseUrl,
  ]);
  return inColumns([["ID", "KIND", "API KEY", "DEFAULT MODEL", "", "ADDRESS"], ...rows]);
}

async function kinds(options: ConnectionOptions, terminal: Terminal): Promise<void> {
  const response = await callGateway(options, terminal, (connection, signal) =>
    connection.client(ProvidersService).listProviderKinds({}, { signal }),
  );
  const rows = response.kinds.map(({ kind, displayName, apiKeyRequired, baseUrlRequired, defaultBaseUrl }) => [
    kind,
    displayName,
    [apiKeyRequired && "API key", baseUrlRequired && "address"].filter(Boolean).join(", "),
    defaultBaseUrl,
  ]);
  await writeText(terminal, inColumns([["KIND", "NAME", "NEEDS", "USUAL ADDRESS"], ...rows]));
}

async function remove(id: string, options: ConnectionOptions, terminal: Terminal): Promise<void> {
  await callGateway(options, terminal, (connection, signal) =>
    connection.client(ProvidersService).deleteProvider({ id }, { signal }),
  );
  tell(terminal, `removed ${id}`);
}

async function check(
  provider: string,
  options: ConnectionOptions & { readonly probe?: boolean },
  terminal: Terminal,
): Promise<void> {
  const { providers } = await callGateway(options, terminal, (connection, signal) =>
    connection.client(ProvidersService).checkHealth({ provider, probe: options.probe ?? false }, { signal }),
  );
  await writeText(terminal, inColumns([["ID", "STATUS", "ANSWERED IN", "FAILURE"], ...providers.map(healthRow)]));
  const unwell = providers.filter(({ status }) => status === Status.UNHEALTHY || status === Status.DEGRADED);
  if (unwell.length > 0)
    throw new CommandFailure(exitCodes.failed, [`not well: ${unwell.map((health) => health.provider).join(", ")}`]);
}

function healthRow({ provider, status, latencyMs, failure }: ProviderHealth): readonly string[] {
  const latency = latencyMs === undefined ? "" : `${latencyMs} ms`;
  return [provider, wordOf(StatusSchema, status), latency, failure?.message ?? ""];
}
