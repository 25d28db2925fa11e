import { isJsonObject } from "../../core/json.ts";
import { randomId } from "../../core/random-id.ts";
import type { Form, FormFields, FormFile } from "./transcription-form.ts";

/** Fields and several files as `multipart/form-data` (RFC 7578); the files' bytes are copied once. */
export function writeImageForm(
  fields: Readonly<Record<string, unknown>>,
  files: readonly FormFile[],
  boundary = randomId("form"),
): Form {
  const texts = Object.entries(fields).flatMap(([name, value]) => toFields(name, value));
  const head = texts.map(([name, value]) => `--${boundary}\r\n${disposition(name)}\r\n\r\n${value}\r\n`).join("");
  const bodies = files.flatMap((file) => [fileHead(file, boundary), file.data, Buffer.from("\r\n")]);
  return {
    contentType: `multipart/form-data; boundary=${boundary}`,
    body: Buffer.concat([Buffer.from(head), ...bodies, Buffer.from(`--${boundary}--\r\n`)]),
  };
}

/** As OpenAI's own SDK writes forms: lists as `name[]`, objects as `name[field]`. */
function toFields(name: string, value: unknown): FormFields {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value.flatMap((item) => toFields(`${name}[]`, item));
  if (!isJsonObject(value)) return [[name, String(value)]];
  return Object.entries(value).flatMap(([field, item]) => toFields(`${name}[${field}]`, item));
}

function fileHead({ field, filename, mimeType }: FormFile, boundary: string): Buffer {
  const name = `${disposition(field)}; filename="${quoted(filename)}"`;
  return Buffer.from(`--${boundary}\r\n${name}\r\ncontent-type: ${quoted(mimeType)}\r\n\r\n`);
}

function disposition(name: string): string {
  return `content-disposition: form-data; name="${quoted(name)}"`;
}

/** As browsers do: HTML, "Multipart form data". */
function quoted(text: string): string {
  return text.replaceAll("\r", "%0D").replaceAll("\n", "%0A").replaceAll('"', "%22");
}
