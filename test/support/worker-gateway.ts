import { randomUUID } from "node:crypto";
import { type Client, createClient } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { vi } from "vitest";
import { AgentService } from "../../gen/livellm/v1/agent_service_pb.ts";
import { ProvidersService } from "../../gen/livellm/v1/providers_service_pb.ts";
import { type Gateway, startGateway, temporaryFolder } from "./gateway.ts";

export type LogLine = Readonly<Record<string, unknown>>;

/** A gateway of several processes. */
export interface WorkerGateway extends Gateway {
  /** The log lines so far that have this message. */
  lines(message: string): readonly LogLine[];
  /** The process of each worker, by its number: the newest one. */
  pids(): ReadonlyMap<number, number>;
  /** The number of the worker that has served a call, by the call's request id. */
  servedBy(requestId: string): Promise<number>;
  /** A client with one connection of its own, which is kept. */
  connect(): Connection;
}

/** One connection, and the services called over it. */
export interface Connection extends Disposable {
  readonly agent: Client<typeof AgentService>;
  readonly providers: Client<typeof ProvidersService>;
  /** The number of the worker that serves this connection. */
  servedBy(): Promise<number>;
}

export const echoTarget = { provider: "local", model: "echo" };

/** Its data is in a folder that is removed at the end, unless one is given. */
export async function startWorkers(
  workers: number,
  {
    env,
    folder = temporaryFolder(),
  }: { readonly env?: Readonly<Record<string, string>>; readonly folder?: string } = {},
): Promise<WorkerGateway> {
  const gateway = await startGateway({ folder, env: { ...env, LIVELLM_WORKERS: String(workers) } });
  const lines = (message: string) => logLines(gateway.output()).filter(({ msg }) => msg === message);
  const servedBy = (id: string) =>
    vi.waitFor(() => {
      const line = lines("rpc").find(({ requestId }) => requestId === id);
      if (!line) throw new Error("the call is not in the log yet");
      return Number(line.worker);
    });
  return {
    ...gateway,
    lines,
    servedBy,
    pids: () => new Map(lines("worker ready").map(({ worker, pid }) => [Number(worker), Number(pid)])),
    connect: () => connectTo(gateway.url, servedBy),
  };
}

/** The lines that are whole. */
function logLines(output: string): readonly LogLine[] {
  return output.split("\n").flatMap((text) => (text.startsWith("{") && text.endsWith("}") ? [JSON.parse(text)] : []));
}

function connectTo(baseUrl: string, servedBy: WorkerGateway["servedBy"]): Connection {
  const sessionManager = new Http2SessionManager(baseUrl);
  const transport = createGrpcTransport({ baseUrl, sessionManager });
  const agent = createClient(AgentService, transport);
  return {
    agent,
    providers: createClient(ProvidersService, transport),
    async servedBy() {
      const id = randomUUID();
      await agent.run(echoRun("who?"), { headers: { "x-request-id": id } });
      return await servedBy(id);
    },
    [Symbol.dispose]: () => sessionManager.abort(),
  };
}

function echoRun(text: string) {
  return { route: { targets: [echoTarget] }, messages: [{ text }] };
}
