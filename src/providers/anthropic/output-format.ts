import type { OutputConfig } from "@anthropic-ai/sdk/resources/messages";
import type { OutputFormat } from "../../core/chat.ts";
import { isJsonObject, type JsonObject } from "../../core/json.ts";
import { rawJson } from "../openai-compatible/json-text.ts";
import type { Notes } from "../openai-compatible/notes.ts";
import { isForced, type ToolFields } from "./messages-tools.ts";
import type { ModelFamily } from "./model-families.ts";

/** What a form of the answer adds to a call. */
export interface FormatFields {
  readonly tools: ToolFields;
  /** In place of the SDK's type, which knows the schema as an object and not as text. */
  readonly format?: { readonly type: NonNullable<OutputConfig["format"]>["type"]; readonly schema: object };
  /** More instructions; empty for none. */
  readonly instructions: string;
  /** The tool that stands for the answer: its arguments are the text. */
  readonly answerTool?: string;
}

type JsonSchemaFormat = Extract<OutputFormat, { type: "json-schema" }>;

const field = "config.outputFormat.jsonSchema";

/**
 * A schema is the vendor's own `output_config.format` where model and schema allow it, else a tool that has to be called,
 * else, with models that cannot be made to, words. `tools` are the caller's own.
 */
export function toFormatFields(
  format: OutputFormat | undefined,
  tools: ToolFields,
  family: ModelFamily,
  notes: Notes,
): FormatFields {
  if (!format) return { tools, instructions: "" };
  if (format.type === "json-object") return inWords("Answer with a JSON object, and nothing else.", tools, notes);
  const schema = rawJson(format.schemaJson, `${field}.schemaJson`);
  if (family.structuredOutput && (format.strict || allowsConstraint(JSON.parse(format.schemaJson)))) {
    return { tools, format: { type: "json_schema", schema }, instructions: "" };
  }
  if (family.forcedTools) return asTool(format, tools, notes);
  return inWords(`Answer with JSON that keeps to this schema, and nothing else: ${format.schemaJson}`, tools, notes);
}

function inWords(instructions: string, tools: ToolFields, notes: Notes): FormatFields {
  notes.inWords("config.outputFormat");
  return { tools, instructions };
}

function asTool(format: JsonSchemaFormat, { tools = [], tool_choice }: ToolFields, notes: Notes): FormatFields {
  const { description = "Gives the answer.", schemaJson } = format;
  const name = nameBeside(tools, format.name || "output");
  const answer = { name, description, input_schema: rawJson(schemaJson, `${field}.schemaJson`) };
  notes.emulated(field);
  const alone = tools.length === 0 || tool_choice?.type === "none";
  // A tool that the caller wants called goes first; the answer follows when its result is there.
  const choice = isForced({ tool_choice }) ? tool_choice : ({ type: "any", ...parallelOf(tool_choice) } as const);
  return {
    tools: { tools: [...tools, answer], tool_choice: alone ? { type: "tool", name } : choice },
    instructions: "",
    answerTool: name,
  };
}

function parallelOf(choice: ToolFields["tool_choice"]): { disable_parallel_tool_use?: boolean } {
  return choice?.type === "auto" && choice.disable_parallel_tool_use ? { disable_parallel_tool_use: true } : {};
}

function nameBeside(tools: readonly object[], name: string): string {
  const taken = tools.some((tool) => "name" in tool && tool.name === name);
  return taken ? nameBeside(tools, `${name}_`) : name;
}

/** The limits that the vendor's constrained decoding does not know. */
const unknownLimits = [
  "minimum",
  "maximum",
  "exclusiveMinimum",
  "exclusiveMaximum",
  "multipleOf",
  "minLength",
  "maxLength",
  "minItems",
  "maxItems",
  "minProperties",
  "maxProperties",
];

/** Whether the API takes a schema to hold the model to: objects are closed, limits few. "Structured outputs, limitations". */
function allowsConstraint(schema: unknown): boolean {
  if (Array.isArray(schema)) return schema.every(allowsConstraint);
  if (!isJsonObject(schema)) return true;
  const limited = unknownLimits.some((limit) => typeof schema[limit] === "number");
  const open = isObjectSchema(schema) && schema.additionalProperties !== false;
  return !limited && !open && Object.values(schema).every(allowsConstraint);
}

function isObjectSchema({ type, properties }: JsonObject): boolean {
  return isJsonObject(properties) || type === "object" || (Array.isArray(type) && type.includes("object"));
}
