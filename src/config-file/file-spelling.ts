import type { DescEnum, DescField, DescMessage } from "@bufbuild/protobuf";
import { isJsonObject, type JsonObject, type JsonValue } from "../core/json.ts";
import type { Spelling } from "../messages/json-violations.ts";

/** What the server says of a resource and nobody writes. */
const outputOnly: ReadonlySet<string> = new Set([
  "obfuscated_api_key",
  "header_names",
  "read_only",
  "create_time",
  "update_time",
  "etag",
]);

/** The contract's messages as a file writes them: names with underscores, words without their prefix. */
export const inFile: Spelling = {
  fields: ({ fields }) => fields.filter(({ name }) => !outputOnly.has(name)),
  nameOf: ({ name }) => name,
  wordsOf: (desc) => desc.values.filter(({ number }) => number !== 0).map(({ name }) => shortWord(desc, name)),
};

function shortWord({ sharedPrefix = "" }: DescEnum, name: string): string {
  return name.toLowerCase().slice(sharedPrefix.length);
}

/** The same message with its words as protobuf's JSON mapping has them: `parallel` is `STRATEGY_PARALLEL`. */
export function inJsonWords(desc: DescMessage, json: JsonObject): JsonObject {
  const spelled = Object.entries(json).map(([key, value]) => {
    const field = desc.fields.find(({ name, jsonName }) => name === key || jsonName === key);
    return [key, field ? spellValue(field, value) : value] as const;
  });
  return Object.fromEntries(spelled);
}

function spellValue(field: DescField, value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map((item: JsonValue) => spellItem(field, item));
  if (field.fieldKind === "map" && isJsonObject(value))
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, spellItem(field, item)]));
  return spellItem(field, value);
}

function spellItem({ enum: words, message }: DescField, value: JsonValue): JsonValue {
  if (words && typeof value === "string")
    return words.values.find(({ name }) => shortWord(words, name) === value)?.name ?? value;
  if (message?.typeName.startsWith("livellm.") && isJsonObject(value)) return inJsonWords(message, value);
  return value;
}

/** A field's name as a file has it. */
export function inSnakeCase(name: string): string {
  return !/^[a-z][A-Za-z0-9]*$/.test(name) ? name : name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
