import type { MessageInitShape } from "@bufbuild/protobuf";
import type { PartSchema } from "../../../gen/livellm/v1/message_pb.ts";
import { base64 } from "../agent-messages.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../json.ts";
import { type At, below, invalid, type Reader, report } from "../schema.ts";

type PartInit = MessageInitShape<typeof PartSchema>;

/** The media types of files whose part says none. */
const usualTypes: Readonly<Record<string, string>> = {
  image_url: "image/png",
  audio_url: "audio/mpeg",
  input_audio: "audio/mpeg",
  pdf: "application/pdf",
  document: "application/pdf",
  video: "video/mp4",
};

const audioTypes: Readonly<Record<string, string>> = { mp3: "audio/mpeg", wav: "audio/wav", pcm: "audio/pcm" };

/** A message's content: a text, or parts. */
export const messageContent: Reader<readonly PartInit[]> = (value, at) => {
  if (typeof value === "string") return [textPart(value)];
  if (!Array.isArray(value)) {
    return report(at, { type: "string_type", msg: "Input should be a valid string or a list of parts", input: value });
  }
  const parts = value.map((part, i) => contentPart(part, below(at, i)));
  return parts.some((part) => part === invalid) ? invalid : (parts as PartInit[]);
};

function textPart(text: string): PartInit {
  return { content: { case: "text", value: text } };
}

function contentPart(value: unknown, at: At): PartInit | typeof invalid {
  if (!isJsonObject(value) || typeof value.type !== "string") {
    return report(below(at, "type"), { type: "missing", msg: "Field required", input: value });
  }
  const { type } = value;
  if (type === "text") return textPart(String(value.text ?? ""));
  if (!(type in usualTypes)) {
    const expected = ["text", ...Object.keys(usualTypes)].map((word) => `'${word}'`).join(", ");
    return report(below(at, "type"), {
      type: "enum",
      msg: `Input should be ${expected}`,
      input: type,
      ctx: { expected },
    });
  }
  return filePart(type, value, at);
}

/** A file's facts stand in the part, or below the name of its type. */
function filePart(type: string, part: JsonObject, at: At): PartInit | typeof invalid {
  const nested = part[type];
  const facts: JsonObject = isJsonObject(nested) ? { ...part, ...nested } : part;
  if (facts.file_path !== undefined) return noPath(below(at, "file_path"));
  const data = textOf(nested) ?? textOf(facts.url) ?? textOf(facts.data);
  if (data === undefined) return report(below(at, "data"), { type: "missing", msg: "Field required", input: part });
  const mimeType = textOf(facts.mime_type) ?? audioType(textOf(facts.format)) ?? usualTypes[type] ?? "";
  if (!isAddress(data) && base64(data, below(at, "data")) === invalid) return invalid;
  return mediaPart(data, mimeType, textOf(facts.filename) ?? "");
}

/** A `data:` URI is one. */
function isAddress(data: string): boolean {
  return /^[a-z]+:/i.test(data);
}

/** The old system read the file with its own rights, whoever asked. */
function noPath(at: At): typeof invalid {
  const msg = "Value error, this server reads no files by their path; send the file in data, as base64";
  return report(at, { type: "value_error", msg, input: null, ctx: { error: {} } });
}

function textOf(value: JsonValue | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function audioType(format: string | undefined): string | undefined {
  return format === undefined ? undefined : (audioTypes[format] ?? `audio/${format.replace(/[^a-z0-9.+-]/gi, "")}`);
}

/** A `data:` URI and an address go on as they are; anything else is base64. */
function mediaPart(data: string, mimeType: string, filename: string): PartInit {
  if (isAddress(data)) {
    return {
      content: {
        case: "media",
        value: { source: { case: "uri", value: data }, mimeType: uriType(data, mimeType), filename },
      },
    };
  }
  const bytes = new Uint8Array(Buffer.from(data, "base64"));
  return { content: { case: "media", value: { source: { case: "data", value: bytes }, mimeType, filename } } };
}

/** A `data:` URI brings its own. */
function uriType(uri: string, mimeType: string): string {
  return uri.toLowerCase().startsWith("data:") ? "" : mimeType;
}
