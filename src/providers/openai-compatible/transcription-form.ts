import { randomId } from "../../core/random-id.ts";

/** A file of a form. */
export interface FormFile {
  readonly field: string;
  readonly filename: string;
  readonly mimeType: string;
  readonly data: Uint8Array;
}

export interface Form {
  readonly contentType: string;
  readonly body: Uint8Array;
}

/** Fields in order; a name may come more than once. */
export type FormFields = readonly (readonly [name: string, value: string])[];

/** A form as `multipart/form-data` (RFC 7578): the fields, then the file, whose bytes are copied once. */
export function writeForm(fields: FormFields, file: FormFile, boundary = randomId("form")): Form {
  const { field, filename, mimeType, data } = file;
  const head = fields.map(([name, value]) => `--${boundary}\r\n${disposition(name)}\r\n\r\n${value}\r\n`).join("");
  const fileHead = `--${boundary}\r\n${disposition(field)}; filename="${quoted(filename)}"\r\ncontent-type: ${quoted(mimeType)}\r\n\r\n`;
  return {
    contentType: `multipart/form-data; boundary=${boundary}`,
    body: Buffer.concat([Buffer.from(head + fileHead), data, Buffer.from(`\r\n--${boundary}--\r\n`)]),
  };
}

function disposition(name: string): string {
  return `content-disposition: form-data; name="${quoted(name)}"`;
}

/** As browsers do: HTML, "Multipart form data". */
function quoted(text: string): string {
  return text.replaceAll("\r", "%0D").replaceAll("\n", "%0A").replaceAll('"', "%22");
}

/**
 * A recording's name, with an ending that says what it is: servers know files by their endings. `mimeType` such as
 * `audio/mpeg`.
 */
export function fileNameOf(filename: string, mimeType: string): string {
  if (/\.[a-z0-9]{2,4}$/i.test(filename)) return filename;
  const [type = ""] = mimeType.toLowerCase().split(";");
  const subtype = type.split("/")[1] ?? "";
  return `${filename || "audio"}.${endings[subtype] ?? subtype.replace(/^x-/, "")}`;
}

const endings: Readonly<Record<string, string>> = {
  mpeg: "mp3",
  mp3: "mp3",
  "x-wav": "wav",
  wave: "wav",
  "vnd.wave": "wav",
  "x-m4a": "m4a",
  "x-flac": "flac",
  opus: "ogg",
};
