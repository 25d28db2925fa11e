import type { MessageInitShape } from "@bufbuild/protobuf";
import { WebSearch_ContextSize as Size, type ToolSchema } from "../../gen/livellm/v1/tool_pb.ts";
import { isJsonObject, type JsonObject } from "./json.ts";
import {
  type At,
  below,
  dictionary,
  integer,
  invalid,
  number,
  object,
  oneOf,
  optional,
  type Reader,
  report,
  required,
  text,
  withDefault,
} from "./schema.ts";

/** A tool as livellm's clients write it. */
export type OldTool =
  | { readonly kind: "web_search"; readonly size: "low" | "medium" | "high" }
  | {
      readonly kind: "mcp";
      readonly url: string;
      readonly prefix: string;
      readonly timeoutSeconds: number;
      readonly headers: Readonly<Record<string, string>>;
    };

const kinds = oneOf(["web_search", "mcp_streamable_server", "mcp_streamable"]);
const size = oneOf(["low", "medium", "high"], "literal_error");

const mcpFields = object({
  url: required(text),
  prefix: withDefault(text, () => ""),
  timeout: withDefault(number({ gt: 0, le: 600 }), () => 15),
  kwargs: optional(dictionary),
});

/**
 * Reads a tool by its kind, under both names that the kind of MCP servers has had. A tool with an address and no kind is an MCP
 * server; one with neither is refused, where livellm took it for a web search.
 */
export const oldTool: Reader<OldTool> = (value, at) => {
  if (!isJsonObject(value)) return object({})(value, at) === invalid ? invalid : noKind(value, at);
  const given = value.kind;
  if (given === undefined || given === null) return "url" in value ? mcpServer(value, at) : noKind(value, at);
  const kind = kinds(given, below(at, "kind"));
  if (kind === invalid) return invalid;
  return kind === "web_search" ? webSearch(value, at) : mcpServer(value, at);
};

function noKind(value: unknown, at: At): typeof invalid {
  return report(below(at, "kind"), { type: "missing", msg: "Field required", input: value });
}

function webSearch(value: JsonObject, at: At): OldTool | typeof invalid {
  const read = contextSize(value.search_context_size, below(at, "search_context_size"));
  return read === invalid ? invalid : { kind: "web_search", size: read };
}

/** `low`, `medium`, `high`; or a whole number, as livellm's README has it, of which 5 is the middle. */
function contextSize(value: unknown, at: At): "low" | "medium" | "high" | typeof invalid {
  if (value === undefined || value === null) return "medium";
  if (typeof value !== "number") return size(value, at);
  const read = integer({ ge: 0 })(value, at);
  if (read === invalid) return invalid;
  if (read <= 3) return "low";
  return read <= 6 ? "medium" : "high";
}

function mcpServer(value: JsonObject, at: At): OldTool | typeof invalid {
  const read = mcpFields(value, at);
  if (read === invalid) return invalid;
  const { url, prefix, timeout, kwargs } = read;
  return { kind: "mcp", url, prefix, timeoutSeconds: timeout, headers: headersOf(kwargs?.headers) };
}

function headersOf(value: unknown): Record<string, string> {
  if (!isJsonObject(value)) return {};
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}

/** The tools for a run: one web search at most, and each MCP server once. */
export function toolsOf(tools: readonly OldTool[]): MessageInitShape<typeof ToolSchema>[] {
  const unique = new Map(tools.map((tool) => [tool.kind === "mcp" ? tool.url : tool.kind, tool]));
  return [...unique.values()].map(toolOf);
}

const sizes = { low: Size.LOW, medium: Size.MEDIUM, high: Size.HIGH } as const;

function toolOf(tool: OldTool): MessageInitShape<typeof ToolSchema> {
  if (tool.kind === "web_search") {
    return { kind: { case: "webSearch", value: { contextSize: sizes[tool.size] } } };
  }
  const { url, prefix, timeoutSeconds, headers } = tool;
  const seconds = Math.floor(timeoutSeconds);
  const timeout = { seconds: BigInt(seconds), nanos: Math.round((timeoutSeconds - seconds) * 1e9) };
  // livellm calls a tool `<prefix>_<name>`.
  const value = { url, prefix: prefix === "" ? "" : `${prefix}_`, timeout, headers };
  return { kind: { case: "mcpServer", value } };
}
