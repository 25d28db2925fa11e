import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { ProviderSchema } from "../../gen/livellm/v1/providers_service_pb.ts";
import { NamedRouteSchema } from "../../gen/livellm/v1/routes_service_pb.ts";
import type { JsonObject } from "../core/json.ts";
import type { SettingForm } from "../environment/readers.ts";
import { variableNamed } from "../environment.ts";
import { rules } from "../interceptors/rules.ts";
import { inFile } from "./file-spelling.ts";
import { settingNames } from "./settings.ts";

/** The JSON Schema (2020-12) of a configuration file: from the table of variables, the contract, and its rules. */
export function configFileSchema(): JsonObject {
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "Configuration of livellm",
    type: "object",
    additionalProperties: false,
    properties: {
      settings: settingsSchema(),
      providers: { type: "array", items: { $ref: "#/$defs/Provider" } },
      routes: { type: "array", items: { $ref: "#/$defs/NamedRoute" } },
    },
    $defs: Object.fromEntries(
      [...messagesIn([ProviderSchema, NamedRouteSchema])].map((d) => [d.name, messageSchema(d)]),
    ),
  };
}

function settingsSchema(): JsonObject {
  const properties = settingNames.map((name) => {
    const { description = "", read, default: value } = variableNamed(name) ?? {};
    const by = value ? ` Default: ${value}` : "";
    return [name, { description: `${description}${by}`, ...settingSchema(read?.form) }] as const;
  });
  return { type: "object", additionalProperties: false, properties: Object.fromEntries(properties) };
}

const referenceSchema: JsonObject = { type: "string", pattern: "\\$\\{[A-Za-z_][A-Za-z0-9_]*\\}" };

function settingSchema(form: SettingForm | undefined): JsonObject {
  switch (form?.is) {
    case undefined:
      return { type: "string" };
    case "secret":
      return referenceSchema;
    case "number":
      return { anyOf: [{ type: "integer", minimum: form.least, maximum: form.most }, referenceSchema] };
    case "flag":
      return { anyOf: [{ type: "boolean" }, { enum: [0, 1, "0", "1"] }, referenceSchema] };
    case "word":
      return { anyOf: [{ enum: form.words }, referenceSchema] };
    case "list":
      return {
        anyOf: [{ type: "array", items: form.words ? { enum: form.words } : { type: "string" } }, { type: "string" }],
      };
  }
}

/** These messages and all that they are made of. */
function messagesIn(roots: readonly DescMessage[]): ReadonlySet<DescMessage> {
  const found = new Set<DescMessage>();
  const add = (desc: DescMessage): void => {
    if (found.has(desc) || !isOurs(desc)) return;
    found.add(desc);
    for (const { message } of inFile.fields(desc)) if (message) add(message);
  };
  roots.forEach(add);
  return found;
}

function isOurs({ typeName }: DescMessage): boolean {
  return typeName.startsWith("livellm.");
}

function messageSchema(desc: DescMessage): JsonObject {
  const properties = inFile.fields(desc).map((field) => [field.name, fieldSchema(field)] as const);
  const required = inFile.fields(desc).filter((field) => textsOf(field).includes("Required."));
  return {
    type: "object",
    additionalProperties: false,
    ...(required.length > 0 && { required: required.map(({ name }) => name) }),
    properties: Object.fromEntries([...properties, ...(desc === ProviderSchema ? [apiKeyFile] : [])]),
  };
}

const apiKeyFile = ["api_key_file", { type: "string", description: "A file that holds the API key." }] as const;

function fieldSchema(field: DescField): JsonObject {
  if (field.fieldKind === "list") return { type: "array", items: itemSchema(field) };
  if (field.fieldKind === "map") return { type: "object", additionalProperties: itemSchema(field) };
  return field.name === "api_key" ? referenceSchema : { ...itemSchema(field), ...boundsOf(field) };
}

function itemSchema({ message, enum: words, scalar }: DescField): JsonObject {
  if (words) return { enum: inFile.wordsOf(words) };
  if (message && isOurs(message)) return { $ref: `#/$defs/${message.name}` };
  if (message?.typeName === "google.protobuf.Duration") return { type: "string", pattern: "^\\d+(\\.\\d+)?s$" };
  if (message) return { type: "object" };
  return { type: scalar === undefined ? "string" : (typeOf[scalar] ?? "string") };
}

const typeOf: Partial<Record<ScalarType, string>> = {
  [ScalarType.STRING]: "string",
  [ScalarType.BOOL]: "boolean",
  [ScalarType.INT32]: "integer",
  [ScalarType.DOUBLE]: "number",
};

/** What the contract's rules say, as far as a schema has words for it. */
function boundsOf(field: DescField): JsonObject {
  const texts = textsOf(field).join("\n");
  const [longest] = /^string\.max_len = (\d+)$/m.exec(texts)?.slice(1) ?? [];
  const [pattern] = /^string\.pattern = (.+)$/m.exec(texts)?.slice(1) ?? [];
  const [least] = /^int32\.gte = (\d+)$/m.exec(texts)?.slice(1) ?? [];
  return {
    ...(longest && { maxLength: Number(longest) }),
    ...(pattern && { pattern }),
    ...(least && { minimum: Number(least) }),
  };
}

function textsOf({ parent, name }: DescField): readonly string[] {
  return (rules[parent.name]?.[name] ?? []).map(({ text }) => text);
}
