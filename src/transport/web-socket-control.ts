import { invalidRequest, LivellmError, type Violation } from "../core/error.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../core/json.ts";
import { findJsonSyntaxError } from "./json-syntax.ts";
import { decodeUtf8 } from "./strict-json.ts";

/** One data frame of a WebSocket, put together from its fragments. */
export interface Frame {
  readonly data: Buffer;
  readonly kind: "text" | "binary";
}

/** Headers of a call, in lower case. */
export type CallHeaders = Readonly<Record<string, string>>;

/** A frame that is no message: the headers before the first message, or the end of the client's side. */
type Control = { readonly kind: "headers"; readonly headers: CallHeaders } | { readonly kind: "end" };

/** As much as HTTP/1.1 and HTTP/2 take of headers here. */
const maxHeaderBytes = 32 * 1024;

/** No request of the contract has a field of these names, so the first key of a frame tells. */
const controlStart = /^[ \t\r\n]*\{[ \t\r\n]*"(headers|end)"[ \t\r\n]*:/;

/** Reads a control frame; undefined for a message. Throws invalid_argument, with every violation, when it is malformed. */
export function readControl({ data, kind }: Frame): Control | undefined {
  if (kind === "binary") return undefined;
  const name = controlStart.exec(data.toString("latin1", 0, 256))?.[1];
  if (name === undefined) return undefined;
  const content = readContent(data, name);
  return name === "headers" ? { kind: "headers", headers: readHeaders(content) } : readEnd(content);
}

/** The object under the one key of a control frame. */
function readContent(data: Buffer, name: string): JsonObject {
  if (data.length > maxHeaderBytes) throw tooLarge(name);
  const frame = parseJson(decodeUtf8(data), name);
  const unknown = Object.keys(frame).filter((key) => key !== name);
  const content = frame[name] as JsonValue;
  if (unknown.length > 0) {
    throw invalidRequest(unknown.map((field) => ({ field, reason: "UNKNOWN", description: `unknown beside ${name}` })));
  }
  if (isJsonObject(content)) return content;
  throw invalidRequest([{ field: name, reason: "PATTERN", description: "must be a JSON object" }]);
}

function tooLarge(name: string): LivellmError {
  const message = `the ${name} frame is larger than the ${maxHeaderBytes} bytes this server takes`;
  return new LivellmError("resource_exhausted", "invalid_request", message);
}

function parseJson(text: string, name: string): JsonObject {
  const syntax = findJsonSyntaxError(text);
  if (syntax === undefined) return JSON.parse(text) as JsonObject;
  const { position, line, column, problem } = syntax;
  throw new LivellmError(
    "invalid_argument",
    "invalid_request",
    `malformed JSON in the ${name} frame at position ${position} (line ${line}, column ${column}): ${problem}`,
  );
}

function readEnd(content: JsonObject): Control {
  const fields = Object.keys(content);
  if (fields.length === 0) return { kind: "end" };
  throw invalidRequest(
    fields.map((field) => ({ field: `end.${field}`, reason: "UNKNOWN", description: "unknown field; end has none" })),
  );
}

function readHeaders(content: JsonObject): CallHeaders {
  const violations = Object.entries(content).flatMap(([name, value]) => violationsOf(name, value));
  if (violations.length > 0) throw invalidRequest(violations);
  const entries = Object.entries(content).map(([name, value]) => [name.toLowerCase(), String(value)] as const);
  return Object.fromEntries(entries);
}

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const headerValue = /^[\t\x20-\x7e\x80-\xff]*$/;
/** What the handshake and the proxies before us say, a frame cannot say otherwise. */
const ofTheHandshake =
  /^(?:connection|content-length|cookie|forwarded|host|origin|proxy-.*|sec-.*|transfer-encoding|upgrade|via|x-forwarded-.*|x-real-ip)$/i;

function violationsOf(name: string, value: JsonValue): readonly Violation[] {
  const violation = (reason: Violation["reason"], description: string): readonly Violation[] => [
    { field: `headers[${JSON.stringify(name.slice(0, 100))}]`, reason, description },
  ];
  if (!token.test(name)) return violation("PATTERN", "is not the name of a header");
  if (ofTheHandshake.test(name)) return violation("UNSUPPORTED", "belongs to the handshake; leave it out");
  if (typeof value !== "string") return violation("PATTERN", 'must be a string, such as "30000"');
  return headerValue.test(value) ? [] : violation("PATTERN", "holds a character that no header may hold");
}
