import { type FunctionTool, type McpServer, type Tool, ToolChoice_Mode } from "../../gen/livellm/v1/tool_pb.ts";
import type { JsonSchemas } from "../agent/json-schema.ts";
import type { Violation } from "../core/error.ts";
import { faultsOfHeaders, faultsOfRepeatedHeaders } from "../core/provider-fields.ts";

/** The tools by themselves; how those of MCP servers fit with the others is known in the run only. */
export function checkTools(tools: readonly Tool[], schemas: JsonSchemas): Violation[] {
  const names = new Set<string>();
  return tools.flatMap(({ kind }, i) => {
    if (kind.case === "mcpServer") return checkServer(kind.value, `config.tools[${i}].mcpServer`);
    if (kind.case !== "function") return [];
    const path = `config.tools[${i}].function`;
    const twice = names.has(kind.value.name) ? [sameName(kind.value.name, path)] : [];
    names.add(kind.value.name);
    return [...twice, ...checkInput(kind.value, path, schemas)];
  });
}

/** A tool that must be called where there is none. */
export function checkToolMode(mode: ToolChoice_Mode | undefined, tools: readonly Tool[]): Violation[] {
  if (mode !== ToolChoice_Mode.REQUIRED || tools.length > 0) return [];
  const description = "a tool is to be called, and there is none: add it to config.tools, or leave this out";
  return [{ field: "config.toolChoice.mode", reason: "CONFLICT", description }];
}

/** Names that no function has, where there are only functions. */
export function checkToolChoice(wanted: readonly string[], tools: readonly Tool[]): Violation[] {
  if (tools.some(({ kind }) => kind.case === "mcpServer")) return []; // their tools are known in the run only
  const names = tools.flatMap(({ kind }) => (kind.case === "function" ? kind.value.name : []));
  return wanted.flatMap((name, i) => {
    if (names.includes(name)) return [];
    const description = `there is no tool ${name}; the tools are: ${names.join(", ") || "none"}`;
    return [{ field: `config.toolChoice.toolNames[${i}]`, reason: "UNKNOWN" as const, description }];
  });
}

function sameName(name: string, path: string): Violation {
  const description = `there is a tool ${name} before it; tools need names of their own`;
  return { field: `${path}.name`, reason: "CONFLICT", description };
}

function checkInput({ inputSchema, inputSchemaJson }: FunctionTool, path: string, schemas: JsonSchemas): Violation[] {
  const text = inputSchemaJson || (inputSchema ? JSON.stringify(inputSchema) : "");
  if (text === "") return [];
  const field = `${path}.${inputSchemaJson ? "inputSchemaJson" : "inputSchema"}`;
  const description = schemas.problemOf(text) ?? notAnObject(text);
  return description ? [{ field, reason: "PATTERN", description }] : [];
}

/** Called with text that is a schema. */
function notAnObject(text: string): string | undefined {
  const { type } = JSON.parse(text) as { readonly type?: unknown };
  return type === undefined || type === "object" ? undefined : "the parameters of a tool are of the type object";
}

function checkServer({ url, headers }: McpServer, path: string): Violation[] {
  const faults = [...faultsOfHeaders(headers), ...faultsOfRepeatedHeaders(Object.keys(headers))];
  return [
    ...checkUrl(url, path),
    ...faults.map(({ header, ...fault }) => ({
      field: header === undefined ? `${path}.headers` : `${path}.headers[${JSON.stringify(header)}]`,
      ...fault,
    })),
  ];
}

function checkUrl(text: string, path: string): Violation[] {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url?.username && !url?.password) return [];
  const description = "must not hold a user name or password: use headers";
  return [{ field: `${path}.url`, reason: "UNSUPPORTED", description }];
}
