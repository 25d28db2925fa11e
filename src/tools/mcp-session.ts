import type { Client, JsonSchemaValidator, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { LivellmError } from "../core/error.ts";
import type { Fetch } from "../upstream/fetch.ts";
import { createMcpFetch, type McpFetch, type Purpose } from "./mcp-fetch.ts";
import type { McpServer } from "./tool-source.ts";

/** One client of one server, for one run. */
export interface Session {
  readonly server: McpServer;
  readonly client: Client;
  readonly transport: StreamableHTTPClientTransport;
  readonly mcpFetch: McpFetch;
  /** Ends every request. */
  readonly life: AbortController;
  /** Of requests that are for no call. */
  purpose: Purpose;
}

/** For requests that may take until the session ends. */
export function untilTheEnd({ signal }: AbortController): Purpose {
  return { signal, ended: () => undefined };
}

/** Makes a session; nothing is connected yet. */
export async function createSession(server: McpServer, fetch: Fetch): Promise<Session> {
  // Loaded when it is needed first: it takes 80 ms and 33 MB.
  const mcp = await import("@modelcontextprotocol/client");
  const life = new AbortController();
  const mcpFetch = createMcpFetch(fetch, () => session.purpose);
  const transport = new mcp.StreamableHTTPClientTransport(new URL(server.url), {
    fetch: mcpFetch.fetch,
    requestInit: { headers: headersOf(server) },
  });
  const session: Session = { server, client: createClient(mcp), transport, mcpFetch, life, purpose: untilTheEnd(life) };
  return session;
}

function createClient(mcp: typeof import("@modelcontextprotocol/client")): Client {
  return new mcp.Client(
    { name: "livellm", version: "1" },
    {
      // None: a server that asks for sampling, elicitation or roots is refused.
      capabilities: {},
      versionNegotiation: { mode: "auto" },
      inputRequired: { autoFulfill: false },
      // Schemas of servers are not compiled here: what a tool returns is for the model to judge.
      jsonSchemaValidator: { getValidator: acceptAll },
    },
  );
}

function acceptAll<T>(): JsonSchemaValidator<T> {
  return (data) => ({ valid: true, data: data as T, errorMessage: undefined });
}

function headersOf({ headers }: McpServer): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, value.reveal()]));
}

const maxGoodbyeMs = 2_000;

/** Says goodbye, where there is somebody to say it to, and closes what is open. Two seconds at most; never fails. */
export async function endSession({ client, transport, life }: Session): Promise<void> {
  const timer = setTimeout(() => life.abort(over), maxGoodbyeMs);
  try {
    await transport.terminateSession();
  } catch {
    // the server is gone, or keeps its sessions for as long as it likes
  } finally {
    clearTimeout(timer);
    await client.close().catch(() => undefined); // nothing is left to be closed then
    life.abort(over);
  }
}

/** What ends the requests of something that is over. */
export const over = new LivellmError("canceled", "cancelled", "the call is over");

/** For messages: the rest of an address may hold a key. */
export function hostOf({ url }: McpServer): string {
  return new URL(url).host;
}

export function noAnswer(server: McpServer): LivellmError {
  const limit = `${server.timeoutMs / 1000} s`;
  const message = `the MCP server ${hostOf(server)} gave no answer within its timeout of ${limit}`;
  return new LivellmError("unavailable", "timeout", message);
}
