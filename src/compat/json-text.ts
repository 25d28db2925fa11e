/**
 * JSON on one line for readers that split lines as Python does, at U+2028, U+2029 and U+0085 too: those three are escaped.
 * What JSON escapes anyway (U+000B, U+000C, U+001C to U+001E) needs no help.
 */
export function jsonLine(value: unknown): string {
  return JSON.stringify(value).replace(/[\u2028\u2029\u0085]/g, escapeUnit);
}

/** JSON of a text with every character outside ASCII escaped, as Python's `json.dumps` writes it. */
export function asciiJson(value: string): string {
  return JSON.stringify(value).replace(/[\u0080-\uffff]/g, escapeUnit);
}

function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
