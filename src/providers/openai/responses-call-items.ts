import type { ResponseOutputItem } from "openai/resources/responses/responses";
import type { Media } from "../../core/chat.ts";
import type { JsonObject, JsonValue } from "../../core/json.ts";
import { object, objects, text } from "../openai-compatible/json-fields.ts";

type ItemType = ResponseOutputItem["type"];

/** A call of one of the vendor's own tools that the caller has to run. */
const clientItems: readonly ItemType[] = [
  "custom_tool_call",
  "shell_call",
  "local_shell_call",
  "apply_patch_call",
  "computer_call",
  "mcp_approval_request",
];

/** Whether the caller runs it. A shell in a container of the vendor's is the vendor's to run. */
export function isClientCall(item: JsonObject): boolean {
  return clientItems.some((type) => type === item.type) && object(item.environment).type !== "container_reference";
}

/** A call that the vendor runs, as it appears in an answer. */
export interface HostedCall {
  readonly name: string;
  readonly argumentsJson: string;
  readonly result?: HostedResult;
}

interface HostedResult {
  readonly text: string;
  readonly structured?: JsonObject;
  readonly media: readonly Media[];
  readonly failed: boolean;
}

/** Reads a hosted call; undefined for an item that is none. What the result holds is what `include` asked for. */
export function toHostedCall(item: JsonObject): HostedCall | undefined {
  switch (item.type as ItemType) {
    case "web_search_call":
      return toWebSearch(object(item.action), item);
    case "file_search_call":
      return hosted(
        "file_search",
        { queries: item.queries ?? [] },
        structured(item, { results: item.results ?? null }),
      );
    case "code_interpreter_call":
      return hosted("code_interpreter", { code: text(item.code) }, codeResult(item));
    case "shell_call":
      return hosted("shell", object(item.action), undefined);
    case "mcp_call":
      return { name: text(item.name), argumentsJson: text(item.arguments) || "{}", result: mcpResult(item) };
    default:
      return undefined;
  }
}

function hosted(name: string, input: JsonObject, result: HostedResult | undefined): HostedCall {
  return { name, argumentsJson: JSON.stringify(input), ...(result && { result }) };
}

function toWebSearch({ sources = null, ...action }: JsonObject, item: JsonObject): HostedCall {
  return hosted("web_search", action, structured(item, { sources }));
}

/** Undefined when the vendor gave none of it. */
function structured(item: JsonObject, fields: Readonly<Record<string, JsonValue>>): HostedResult | undefined {
  const failed = item.status === "failed";
  const given = Object.values(fields).some((value) => value !== null);
  return given || failed ? { text: "", structured: fields, media: [], failed } : undefined;
}

function codeResult(item: JsonObject): HostedResult | undefined {
  const outputs = objects(item.outputs);
  const failed = item.status === "failed";
  if (outputs.length === 0 && !failed) return undefined;
  const images = outputs
    .filter(({ type }) => type === "image")
    .map(({ url }) => ({ uri: text(url), mimeType: "image/png" }));
  return { text: outputs.map(({ logs }) => text(logs)).join(""), media: images, failed };
}

function mcpResult({ output, error }: JsonObject): HostedResult | undefined {
  if (error) return { text: JSON.stringify(error), media: [], failed: true };
  return typeof output === "string" ? { text: output, media: [], failed: false } : undefined;
}

/** Fields of an item that are no part of what it says: who it is, and how far it has come. */
const envelope = ["id", "type", "status", "call_id", "created_by", "caller"];

/** What an item says, as JSON: the arguments of a call that the caller runs. */
export function payloadOf(item: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(item).filter(([name]) => !envelope.includes(name)));
}

/** The id that an answer to an item refers to. */
export function callIdOf(item: JsonObject): string {
  return text(item.call_id) || text(item.id);
}
