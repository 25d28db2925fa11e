import type { FunctionTool, McpServer, Tool } from "../../gen/livellm/v1/tool_pb.ts";
import type { JsonSchemas } from "../agent/json-schema.ts";
import type { Violation } from "../core/error.ts";

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
  return [
    ...checkUrl(url, path),
    ...Object.entries(headers).flatMap(([name, value]) => checkHeader(name, value, path)),
  ];
}

function checkUrl(text: string, path: string): Violation[] {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url?.username && !url?.password) return [];
  const description = "must not hold a user name or password: use headers";
  return [{ field: `${path}.url`, reason: "UNSUPPORTED", description }];
}

/** They belong to the connection. */
const reservedHeaders = new Set([
  "connection",
  "content-length",
  "expect",
  "host",
  "te",
  "transfer-encoding",
  "upgrade",
]);

function checkHeader(name: string, value: string, path: string): Violation[] {
  // RFC 9110 section 5.6.2. The name is not quoted: a whole header line in its place would show its value.
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) {
    const description = "a header's name must be an HTTP token such as x-api-key";
    return [{ field: `${path}.headers`, reason: "PATTERN", description }];
  }
  const field = `${path}.headers[${JSON.stringify(name)}]`;
  if (reservedHeaders.has(name.toLowerCase())) {
    return [{ field, reason: "UNSUPPORTED", description: "cannot be set: it belongs to the connection" }];
  }
  if (/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) return [];
  const description = "its value must not hold line breaks, control characters, or any beyond Latin-1";
  return [{ field, reason: "PATTERN", description }];
}
