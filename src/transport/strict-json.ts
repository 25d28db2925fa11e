import { type DescMessage, fromJsonString, type MessageShape, type Registry } from "@bufbuild/protobuf";
import { invalidRequest, LivellmError } from "../core/error.ts";
import { findJsonViolations } from "../messages/json-violations.ts";
import { findJsonSyntaxError } from "./json-syntax.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Text of a request body. Throws invalid_argument when it is not UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw malformed("the request is not UTF-8");
  }
}

/**
 * Reads a request message from JSON, in protobuf's mapping, strictly: unknown fields, unknown enum words, wrong types and
 * duplicate keys are refused. Throws a LivellmError (invalid_argument) with one violation for each, all of them, with their
 * paths. A request without faults costs no more than protobuf-es' own reader. `registry` knows what an Any may hold.
 */
export function parseStrictJson<D extends DescMessage>(desc: D, text: string, registry?: Registry): MessageShape<D> {
  let message: MessageShape<D>;
  try {
    message = fromJsonString(desc, text, { ignoreUnknownFields: false, ...(registry && { registry }) });
  } catch (error) {
    throw explain(desc, text, error);
  }
  if (looseDuration.test(text)) refuse(desc, text);
  return message;
}

/** protobuf-es takes `"20seconds"` for 20 s: its pattern has no end (2.17, from-json.js). */
const looseDuration = /"-?\d+(?:\.\d+)?s[^"]/;

function explain(desc: DescMessage, text: string, error: unknown): LivellmError {
  const syntax = findJsonSyntaxError(text);
  if (syntax) {
    const { position, line, column, problem } = syntax;
    return malformed(`malformed JSON at position ${position} (line ${line}, column ${column}): ${problem}`);
  }
  const violations = findJsonViolations(desc, JSON.parse(text));
  if (violations.length > 0) return invalidRequest(violations);
  const duplicate = /duplicate object key "(.*)"/s.exec(String(error))?.[1];
  return duplicate === undefined
    ? malformed(error instanceof Error ? error.message : String(error))
    : invalidRequest([{ field: duplicate, description: "is set twice; remove one", reason: "CONFLICT" }]);
}

function refuse(desc: DescMessage, text: string): void {
  const violations = findJsonViolations(desc, JSON.parse(text));
  if (violations.length > 0) throw invalidRequest(violations);
}

function malformed(message: string): LivellmError {
  return new LivellmError("invalid_argument", "invalid_request", message);
}
