import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { Health, HealthCheckResponse_ServingStatus as Status } from "../../gen/grpc/health/v1/health_pb.ts";
import { callFailure } from "./call-failure.ts";
import {
  addressOf,
  type Connection,
  type ConnectionOptions,
  certificateOf,
  connect,
  openConnection,
} from "./connection.ts";
import { CommandFailure, exitCodes } from "./exit-codes.ts";
import type { Terminal } from "./terminal.ts";

interface HealthcheckOptions extends ConnectionOptions {
  readonly timeout: string;
}

/** `livellm healthcheck`: for Docker's HEALTHCHECK and the like. */
export function addHealthcheck(program: Command, terminal: Terminal): void {
  program
    .command("healthcheck")
    .description("ask whether the gateway serves; ends with 0 when it does")
    .option("--timeout <seconds>", "how long to wait for the answer", "5")
    .addHelpText("after", "\nExample, in a Dockerfile:\n  HEALTHCHECK CMD livellm healthcheck\n")
    .action(async (_: unknown, command: Command) => healthcheck(command.optsWithGlobals(), terminal));
}

async function healthcheck(options: HealthcheckOptions, terminal: Terminal): Promise<void> {
  using connection = connectHere(options, terminal);
  const timeoutMs = Number(options.timeout) * 1000 || 5000;
  const status = await statusOf(connection, timeoutMs);
  if (status !== Status.SERVING)
    throw new CommandFailure(exitCodes.failed, [`the gateway at ${connection.url} is not serving`]);
}

async function statusOf(connection: Connection, timeoutMs: number): Promise<Status> {
  try {
    return (await connection.client(Health).check({}, { timeoutMs })).status;
  } catch (error) {
    throw callFailure(error, { url: connection.url });
  }
}

/** The gateway beside this program: under TLS it is known by the certificate that it has itself, not by its name. */
function connectHere(options: ConnectionOptions, terminal: Terminal): Connection {
  const { environment } = terminal;
  const own = environment.LIVELLM_TLS_CERT?.trim();
  if (options.url || environment.LIVELLM_URL || !own) return connect(options, terminal);
  const trust = { ca: readFileSync(own, "utf8"), allowPartialTrustChain: true, checkServerIdentity: () => undefined };
  const url = addressOf(options, terminal).replace(/^http:/, "https:");
  return openConnection({ url, token: undefined, tls: { ...trust, ...certificateOf(options, environment) } });
}
