import type { OutputFormat } from "../../core/chat.ts";
import { isJsonObject, type JsonObject } from "../../core/json.ts";
import { type RawJson, rawJson } from "./json-text.ts";

type JsonSchemaFormat = Extract<OutputFormat, { type: "json-schema" }>;

/** A JSON schema as OpenAI's two APIs take it: chat completions in `json_schema`, Responses beside its `type`. */
export interface WireSchema {
  readonly name: string;
  readonly description?: string;
  readonly schema: RawJson;
  readonly strict: boolean;
}

/** Strict when asked for, or when nothing is said and the schema allows it. */
export function toWireSchema(format: JsonSchemaFormat): WireSchema {
  const { name, description, schemaJson, strict } = format;
  return {
    name: name || "output",
    ...(description && { description }),
    schema: rawJson(schemaJson, "config.outputFormat.jsonSchema.schemaJson"),
    strict: strict ?? allowsStrict(JSON.parse(schemaJson)),
  };
}

/**
 * Whether a schema keeps OpenAI's rules for strict mode, so far as they are about objects: every one is closed and requires
 * all its properties. One that does not is refused with 400: developers.openai.com, "Structured outputs, supported schemas".
 */
function allowsStrict(schema: unknown): boolean {
  if (Array.isArray(schema)) return schema.every(allowsStrict);
  if (!isJsonObject(schema)) return true;
  const closed = !isObjectSchema(schema) || isClosed(schema);
  return closed && Object.values(schema).every(allowsStrict);
}

function isObjectSchema({ type, properties }: JsonObject): boolean {
  return isJsonObject(properties) || type === "object" || (Array.isArray(type) && type.includes("object"));
}

function isClosed({ additionalProperties, properties, required }: JsonObject): boolean {
  const names = Object.keys(isJsonObject(properties) ? properties : {});
  return additionalProperties === false && names.every((name) => Array.isArray(required) && required.includes(name));
}
