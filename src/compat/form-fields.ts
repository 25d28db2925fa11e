import type { JsonObject } from "@bufbuild/protobuf";
import { mediaTypeOfName } from "./audio-form.ts";
import { isJsonObject } from "./json.ts";
import type { Recording } from "./recording.ts";
import { Rejected } from "./rejected.ts";

/**
 * The recording in a form, checked as the older systems do. A client that does not know a file's type, as curl does not know
 * those of audio, calls it `application/octet-stream`: then its name has to say it. Throws {@link Rejected} (400) with their
 * sentences.
 */
export function audioFile(file: Recording): Recording {
  const { bytes, filename } = file;
  const unknown = file.contentType === "application/octet-stream";
  const contentType = (unknown && mediaTypeOfName(filename)) || file.contentType;
  if (!contentType.startsWith("audio/")) {
    throw new Rejected(400, `Invalid file type. Expected audio file, got ${contentType}`);
  }
  if (bytes.length === 0) throw new Rejected(400, "Audio file is empty");
  return { ...file, contentType };
}

/** A form's `gen_config`: JSON in a text. Throws {@link Rejected} (400). */
export function readGenConfig(given: string | undefined): JsonObject | undefined {
  if (!given) return undefined;
  const value = parsed(given);
  if (!isJsonObject(value)) throw new Rejected(400, "Invalid JSON in gen_config: it must be an object");
  return value as JsonObject;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // What the parser says quotes the text.
    throw new Rejected(400, "Invalid JSON in gen_config: it cannot be parsed");
  }
}
