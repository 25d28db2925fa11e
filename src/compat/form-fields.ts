import type { JsonObject } from "@bufbuild/protobuf";
import { isJsonObject } from "./json.ts";
import type { Recording } from "./recording.ts";
import { Rejected } from "./rejected.ts";

/** Checks the file of a form as the older systems do. Throws {@link Rejected} (400) with their sentences. */
export function checkFile({ contentType, bytes }: Recording): void {
  if (!contentType.startsWith("audio/")) {
    throw new Rejected(400, `Invalid file type. Expected audio file, got ${contentType}`);
  }
  if (bytes.length === 0) throw new Rejected(400, "Audio file is empty");
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
  } catch (error) {
    throw new Rejected(400, `Invalid JSON in gen_config: ${error instanceof Error ? error.message : "malformed"}`);
  }
}
