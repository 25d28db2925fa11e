import type { MessageInitShape } from "@bufbuild/protobuf";
import type { OutputFormatSchema } from "../../../gen/livellm/v1/agent_pb.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../json.ts";
import { anything, dictionary, invalid, object, type Reader, required, text } from "../schema.ts";

const fields = object({
  title: required(text),
  properties: required(dictionary),
  type: { read: anything, fallback: () => "object" },
});

/** An `output_schema`: a JSON Schema with a title, whose keywords may be null. It is kept whole. */
export const outputSchema: Reader<JsonObject> = (value, at) => {
  if (fields(value, at) === invalid || !isJsonObject(value)) return invalid;
  return { type: "object", ...withoutNulls(value) };
};

/** The form of the answer that a schema asks for. */
export function outputFormatOf(schema: JsonObject): MessageInitShape<typeof OutputFormatSchema> {
  const { title, description } = schema;
  const value = {
    name: String(title)
      .replace(/[^A-Za-z0-9_-]/g, "_")
      .slice(0, 64),
    description: typeof description === "string" ? description : "",
    schemaJson: JSON.stringify(schema),
  };
  return { format: { case: "jsonSchema", value } };
}

/** What keywords are called in Python, where their names here are others. */
const camelCase: Readonly<Record<string, string>> = {
  min_length: "minLength",
  max_length: "maxLength",
  exclusive_minimum: "exclusiveMinimum",
  exclusive_maximum: "exclusiveMaximum",
  min_items: "minItems",
  max_items: "maxItems",
  unique_items: "uniqueItems",
  additional_properties: "additionalProperties",
};

/** Keywords whose values are not schemas: a null in them is a value. */
const values = new Set(["enum", "const", "examples"]);
/** Keywords that hold schemas by names of the caller's own. */
const named = new Set(["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"]);

/** Clients write every keyword they know, most of them null, which is not JSON Schema: those are left out. */
function withoutNulls(schema: JsonObject): JsonObject {
  const entries = Object.entries(schema).filter(([, value]) => value !== null);
  return Object.fromEntries(entries.map(([name, value]) => [camelCase[name] ?? name, keyword(name, value)]));
}

function keyword(name: string, value: JsonValue): JsonValue {
  if (values.has(name) || name === "default") return value;
  if (named.has(name) && isJsonObject(value)) {
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, subschema(one)]));
  }
  return Array.isArray(value) ? value.map(subschema) : subschema(value);
}

function subschema(value: JsonValue): JsonValue {
  return isJsonObject(value) ? withoutNulls(value) : value;
}
