// Writes docs/api-reference.md, the reference of every service, message and enum, from the comments of the contract:
// `node scripts/api-reference.ts`. A test compares the file with what this would write.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import {
  createFileRegistry,
  type DescEnum,
  type DescField,
  type DescFile,
  type DescMessage,
  type DescMethod,
  type DescService,
  fromBinary,
  ScalarType,
} from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { getComments } from "@bufbuild/protoplugin";

const root = path.join(import.meta.dirname, "..");

/** Where the reference is kept, from the project's root. */
export const apiReferenceFile = "docs/api-reference.md";

/** The text of the reference. Runs `buf`, which reads proto/. */
export function apiReference(): string {
  const files = readContract();
  const services = files.flatMap((file) => file.services);
  const messages = files.flatMap((file) => file.messages).flatMap(withNested);
  const enums = [...files.flatMap((file) => file.enums), ...messages.flatMap((message) => message.nestedEnums)];
  return [
    head(services),
    ...services.map(serviceText),
    "## Messages\n",
    ...sorted(messages).map(messageText),
    "## Enums\n",
    ...sorted(enums).map(enumText),
  ].join("\n");
}

/** The files of `livellm.v1`, with their comments. */
function readContract(): DescFile[] {
  const image = execFileSync("buf", ["build", "proto", "--as-file-descriptor-set", "-o", "-"], { cwd: root });
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, image));
  return [...registry.files].filter((file) => file.proto.package === "livellm.v1");
}

/** A message and the messages declared within it; map entries are no messages of their own. */
function withNested(message: DescMessage): DescMessage[] {
  return [message, ...message.nestedMessages.flatMap(withNested)];
}

function sorted<T extends { typeName: string }>(types: readonly T[]): T[] {
  return types.toSorted((a, b) => a.typeName.localeCompare(b.typeName, "en"));
}

function head(services: readonly DescService[]): string {
  return `# API reference

Made from the comments of [proto/livellm/v1](../proto/livellm/v1) by \`node scripts/api-reference.ts\`; examples are in
[api-examples.md](api-examples.md). An RPC is called at \`/livellm.v1.SERVICE/METHOD\` by every protocol. JSON uses the lowerCamelCase
form of the names below and reads both; a line that begins with "rule:" is checked before anything else happens, and a request
that breaks it is \`invalid_argument\` with the field's path.

${services.map((service) => `- [${service.name}](#${anchor(service.name)}): ${service.methods.map(methodLink).join(", ")}`).join("\n")}
- [Messages](#messages), [Enums](#enums)
`;
}

const methodLink = (method: DescMethod) => `[${method.name}](#${anchor(`${method.parent.name}.${method.name}`)})`;

function serviceText(service: DescService): string {
  return [`## ${service.name}\n`, comment(service), ...service.methods.map(methodText)].join("\n");
}

function methodText(method: DescMethod): string {
  const takes = streamed(method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming");
  const gives = streamed(method.methodKind === "server_streaming" || method.methodKind === "bidi_streaming");
  return `### ${method.parent.name}.${method.name}

\`/${method.parent.typeName}/${method.name}\`: ${takes}${link(method.input)} → ${gives}${link(method.output)}

${comment(method)}`;
}

const streamed = (yes: boolean) => (yes ? "a stream of " : "");

function messageText(message: DescMessage): string {
  const rows = message.fields.map(fieldRow).join("\n");
  const table = rows === "" ? "It has no fields.\n" : `| Field | Type | Meaning |\n|---|---|---|\n${rows}\n`;
  return `### ${localName(message)}\n\n${comment(message)}\n${table}`;
}

function fieldRow(field: DescField): string {
  const choice = field.oneof ? `One of \`${field.oneof.name}\`. ` : "";
  return `| \`${field.name}\` | ${fieldType(field)} | ${choice}${cell(getComments(field).leading)} |`;
}

function fieldType(field: DescField): string {
  switch (field.fieldKind) {
    case "map":
      return `map of ${scalarName(field.mapKey)} to ${singleType(field)}`;
    case "list":
      return `list of ${singleType(field)}`;
    default:
      return `${field.proto.proto3Optional ? "optional " : ""}${singleType(field)}`;
  }
}

function singleType(field: DescField): string {
  if (field.message) return link(field.message);
  if (field.enum) return link(field.enum);
  return field.scalar === undefined ? "" : scalarName(field.scalar);
}

const scalarName = (scalar: ScalarType) => `\`${ScalarType[scalar].toLowerCase()}\``;

function enumText(type: DescEnum): string {
  const rows = type.values.map((value) => `| \`${value.name}\` | ${cell(getComments(value).leading)} |`);
  return `### ${localName(type)}\n\n${comment(type)}\n| Value | Meaning |\n|---|---|\n${rows.join("\n")}\n`;
}

/** A type's name with a link to where it is described: in this document, or in protobuf's own. */
function link(type: DescMessage | DescEnum): string {
  return type.typeName.startsWith("livellm.v1.")
    ? `[${localName(type)}](#${anchor(localName(type))})`
    : `\`${type.typeName}\``;
}

const localName = (type: DescMessage | DescEnum) => type.typeName.replace("livellm.v1.", "");

/** The anchor that Markdown renderers make of a heading. */
const anchor = (heading: string) => heading.toLowerCase().replaceAll(/[^a-z0-9_ -]/g, "");

/** A leading comment as paragraphs. */
function comment(desc: DescService | DescMethod | DescMessage | DescEnum): string {
  const text = (getComments(desc).leading ?? "").replaceAll(/^ /gm, "").trim();
  return `${text}\n`;
}

/** A comment in one line of a table. */
function cell(text: string | undefined): string {
  const paragraphs = (text ?? "").trim().split(/\n\s*\n/);
  const lines = paragraphs.map((paragraph) =>
    paragraph.replaceAll(/\s*\n *(?=rule:)/g, "<br>").replaceAll(/\s*\n */g, " "),
  );
  return lines.join("<br>").trim().replaceAll("|", "\\|");
}

if (import.meta.main) writeFileSync(path.join(root, apiReferenceFile), apiReference());
