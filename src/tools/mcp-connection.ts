import type { Tool } from "@modelcontextprotocol/client";
import type { JsonObject } from "../core/json.ts";
import type { Warning } from "../core/route.ts";
import { linkedController, untilAborted } from "../streams/signals.ts";
import type { Fetch } from "../upstream/fetch.ts";
import { connectionLost } from "../upstream/network-error.ts";
import { callTool } from "./mcp-call.ts";
import { serverFailed } from "./mcp-failure.ts";
import type { ToolAnswer } from "./mcp-result.ts";
import { createSession, endSession, hostOf, noAnswer, type Session, untilTheEnd } from "./mcp-session.ts";
import type { McpServer } from "./tool-source.ts";

/** An MCP server whose tools are known. */
export interface McpConnection {
  readonly server: McpServer;
  /** Those the request allows. */
  readonly tools: readonly Tool[];
  readonly warnings: readonly Warning[];
  /** Calls one of them. A failure, the timeout included, is an answer. Throws only the signal's reason. */
  call(tool: Tool, input: JsonObject, signal: AbortSignal): Promise<ToolAnswer>;
  /** Ends the session, where there is one, and closes what is open; takes two seconds at most, and never fails. */
  close(): Promise<void>;
}

export interface McpServerOptions {
  readonly server: McpServer;
  /** Its path in the request, for errors. */
  readonly field: string;
  readonly fetch: Fetch;
}

/** Connects to an MCP server, of any version of the protocol, and lists its tools. Throws `tool_failed`. */
export async function openMcpServer(options: McpServerOptions, signal: AbortSignal): Promise<McpConnection> {
  const { server, field } = options;
  const session = await createSession(server, options.fetch);
  using opening = linkedController(signal);
  const timer = setTimeout(() => opening.abort(noAnswer(server)), server.timeoutMs);
  session.purpose = {
    signal: opening.signal,
    ended: (error) => void (error && opening.abort(connectionLost(server.url, error))),
  };
  try {
    // The client does not watch the signal while it finds out which version the server speaks.
    const listed = await Promise.race([connectAndList(session, opening.signal), untilAborted(opening.signal)]);
    session.purpose = untilTheEnd(session.life);
    return connectionOf(session, options, listed);
  } catch (error) {
    session.purpose = untilTheEnd(session.life);
    void endSession(session);
    if (signal.aborted) throw signal.reason;
    throw serverFailed(field, hostOf(server), opening.signal.aborted ? opening.signal.reason : error);
  } finally {
    clearTimeout(timer);
  }
}

async function connectAndList({ client, transport, server }: Session, signal: AbortSignal): Promise<readonly Tool[]> {
  const options = { signal, timeout: server.timeoutMs };
  await client.connect(transport, options);
  if (!client.getServerCapabilities()?.tools) return [];
  const { tools } = await client.listTools(undefined, { ...options, cacheMode: "bypass" });
  return tools;
}

function connectionOf(session: Session, options: McpServerOptions, listed: readonly Tool[]): McpConnection {
  const { server } = options;
  const { allowedTools } = server;
  const tools = allowedTools.length === 0 ? listed : listed.filter(({ name }) => allowedTools.includes(name));
  return {
    server,
    tools,
    warnings: missingTools(options, listed),
    call: (tool, input, signal) => callTool({ session, tool, input }, signal),
    close: () => endSession(session),
  };
}

function missingTools({ server, field }: McpServerOptions, listed: readonly Tool[]): readonly Warning[] {
  const names = listed.map(({ name }) => name);
  return server.allowedTools.flatMap((name, i) => {
    if (names.includes(name)) return [];
    const message = `the MCP server has no tool ${name}; it has: ${names.slice(0, 50).join(", ") || "none"}`;
    return [{ code: "tool-not-found", message, field: `${field}.allowedTools[${i}]` }];
  });
}
