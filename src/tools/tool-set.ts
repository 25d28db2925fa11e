import type { ToolCallPart, ToolResultPart } from "../core/chat.ts";
import { isJsonObject, type JsonObject } from "../core/json.ts";
import type { Warning } from "../core/route.ts";
import type { FunctionTool, ModelTool, ToolChoice } from "../core/tools.ts";
import { linkedController } from "../streams/signals.ts";
import type { Fetch } from "../upstream/fetch.ts";
import { type McpConnection, openMcpServer } from "./mcp-connection.ts";
import type { ToolAnswer } from "./mcp-result.ts";
import { checkToolNames, type NamedTool } from "./name-checks.ts";
import { modelNameOf } from "./tool-name.ts";
import type { McpServer, ToolSource } from "./tool-source.ts";

/** The tools of one run, whoever runs them. Dispose it when the run is over: it holds connections to MCP servers. */
export interface ToolSet extends Disposable {
  /** For the model, in the order of the request; those of MCP servers are functions. */
  readonly modelTools: readonly ModelTool[];
  readonly warnings: readonly Warning[];
  /** Whether `call` answers calls of this name: those of MCP servers' tools, and those of tools that do not exist. */
  runs(name: string): boolean;
  /** Runs a tool. One that fails, in whatever way, is a result that says so. Throws only the signal's reason. */
  call(call: ToolCallPart, signal: AbortSignal): Promise<ToolResultPart>;
}

export interface ToolSetOptions {
  readonly sources: readonly ToolSource[];
  readonly toolChoice?: ToolChoice;
  /** How MCP servers are reached. */
  readonly fetch: Fetch;
}

/**
 * Makes the tools of a run: asks every MCP server for its tools, all at once. Throws `tool_failed` for a server that cannot
 * be used, and a violation for two tools of one name or a tool choice that names none of them.
 */
export async function openToolSet(options: ToolSetOptions, signal: AbortSignal): Promise<ToolSet> {
  if (options.sources.length === 0 && !options.toolChoice) return noTools;
  const servers = await openServers(options, signal);
  try {
    return toolSetOf(options, servers);
  } catch (error) {
    close(servers.values());
    throw error;
  }
}

type Servers = ReadonlyMap<McpServer, McpConnection>;

async function openServers({ sources, fetch }: ToolSetOptions, signal: AbortSignal): Promise<Servers> {
  using opening = linkedController(signal);
  const connections = sources.flatMap((source, i) =>
    source.type === "mcp-server"
      ? [openMcpServer({ server: source, field: `config.tools[${i}].mcpServer`, fetch }, opening.signal)]
      : [],
  );
  try {
    const opened = await Promise.all(connections);
    return new Map(opened.map((connection) => [connection.server, connection]));
  } catch (error) {
    opening.abort(error);
    void Promise.allSettled(connections).then((settled) =>
      close(settled.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []))),
    );
    throw error;
  }
}

/** Nobody waits for it: what has to be said to a server at the end has a time limit of its own. */
function close(connections: Iterable<McpConnection>): void {
  for (const connection of connections) void connection.close();
}

interface OfferedTool extends NamedTool {
  readonly tool: ModelTool;
  /** For one of an MCP server. */
  readonly call?: (input: JsonObject, signal: AbortSignal) => Promise<ToolAnswer>;
}

function toolSetOf({ sources, toolChoice }: Omit<ToolSetOptions, "fetch">, servers: Servers): ToolSet {
  const all = sources.flatMap((source, i) => toolsOf(source, i, servers));
  checkToolNames(all, toolChoice?.toolNames ?? []);
  const served = new Map(all.filter(({ call }) => call).map((tool) => [tool.name, tool]));
  const others = new Set(all.filter(({ call }) => !call).map(({ name }) => name));
  const answersUnknown = served.size > 0 && !sources.some(({ type }) => type === "provider-tool");
  return {
    modelTools: all.map(({ tool }) => tool),
    warnings: [...servers.values()].flatMap(({ warnings }) => warnings),
    runs: (name) => served.has(name) || (answersUnknown && !others.has(name)),
    call: (call, signal) => callTool(call, served, signal),
    [Symbol.dispose]: () => close(servers.values()),
  };
}

/** Most runs have none. */
const noTools: ToolSet = toolSetOf({ sources: [] }, new Map());

function toolsOf(source: ToolSource, position: number, servers: Servers): readonly OfferedTool[] {
  if (source.type !== "mcp-server") {
    const name = source.type === "function" ? source.name : "";
    const field = source.type === "function" ? `config.tools[${position}].function.name` : "";
    return [{ name, field, tool: source }];
  }
  const connection = servers.get(source);
  if (!connection) return [];
  return connection.tools.map((listed) => {
    const name = modelNameOf(`${source.prefix}${listed.name}`);
    const tool: FunctionTool = {
      type: "function",
      name,
      ...(listed.description && { description: listed.description }),
      inputSchemaJson: JSON.stringify(listed.inputSchema),
    };
    const call: OfferedTool["call"] = (input, signal) => connection.call(listed, input, signal);
    return { name, field: `config.tools[${position}].mcpServer.prefix`, tool, call };
  });
}

async function callTool(
  call: ToolCallPart,
  served: ReadonlyMap<string, OfferedTool>,
  signal: AbortSignal,
): Promise<ToolResultPart> {
  const answer = { type: "tool-result", toolCallId: call.id, name: call.name } as const;
  const failed = (text: string): ToolResultPart => ({ ...answer, text, media: [], failed: true });
  const tool = served.get(call.name);
  const names = [...served.keys()].slice(0, 50).join(", ");
  if (!tool?.call) return failed(`there is no tool ${call.name}; the tools are: ${names}`);
  const input = readArguments(call.argumentsJson);
  if (!input) return failed("the arguments are not a JSON object; call the tool again with one");
  return { ...answer, ...(await tool.call(input, signal)) };
}

function readArguments(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text || "{}");
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined; // the model is told, and may try again
  }
}
