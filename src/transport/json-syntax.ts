/** Where a text stops being JSON, and what is wrong there. Holds nothing of the text but one character. */
export interface JsonSyntaxError {
  /** UTF-16 code units from the start of the text. */
  readonly position: number;
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
  readonly problem: string;
}

const space = /[ \t\n\r]*/y;
const escaped = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;
const scalar = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

/**
 * Finds the first error of a text that `JSON.parse` has refused. V8's own message names a position only sometimes, and
 * quotes the text, which may be a prompt. Undefined when there is no error after all.
 */
export function findJsonSyntaxError(text: string): JsonSyntaxError | undefined {
  const open: ("{" | "[")[] = [];
  let expects: Expectation = "value";
  let at = skip(space, text, 0);
  while (expects !== "end" || at < text.length) {
    const found = step(expects, text, at, open);
    if (found === undefined) return describe(text, at, expects);
    expects = found.expects;
    at = skip(space, text, found.end);
  }
  return undefined;
}

type Expectation = "value" | "value or ]" | "property name" | "property name or }" | ":" | ", or ]" | ", or }" | "end";

interface Step {
  readonly end: number;
  readonly expects: Expectation;
}

/** Reads one token; undefined when it is not one that may stand here. */
function step(expects: Expectation, text: string, at: number, open: ("{" | "[")[]): Step | undefined {
  const character = text[at];
  if (expects === ":") return character === ":" ? { end: at + 1, expects: "value" } : undefined;
  if (expects === "value" || expects === "value or ]") return value(expects, text, at, open);
  if (expects === "property name or }" && character === "}") return close(at, open);
  if (expects.startsWith("property name")) {
    const end = skipString(text, at);
    return end > at ? { end, expects: ":" } : undefined;
  }
  if (character === "," && expects === ", or ]") return { end: at + 1, expects: "value" };
  if (character === "," && expects === ", or }") return { end: at + 1, expects: "property name" };
  return expects !== "end" && character === expects.at(-1) ? close(at, open) : undefined;
}

function value(expects: Expectation, text: string, at: number, open: ("{" | "[")[]): Step | undefined {
  const character = text[at];
  if (character === "{" || character === "[") {
    open.push(character);
    return { end: at + 1, expects: character === "{" ? "property name or }" : "value or ]" };
  }
  if (character === "]" && expects === "value or ]") return close(at, open);
  const end = Math.max(skipString(text, at), skip(scalar, text, at));
  return end > at ? { end, expects: afterValue(open) } : undefined;
}

function close(at: number, open: ("{" | "[")[]): Step {
  open.pop();
  return { end: at + 1, expects: afterValue(open) };
}

function afterValue(open: readonly ("{" | "[")[]): Expectation {
  const inside = open.at(-1);
  if (inside === undefined) return "end";
  return inside === "{" ? ", or }" : ", or ]";
}

function skip(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at;
}

/** The end of the string that starts here, or `at` when none does. By hand: a regular expression's stack would not hold it. */
function skipString(text: string, at: number): number {
  if (text[at] !== '"') return at;
  let end = at + 1;
  while (end < text.length && text[end] !== '"') {
    if (text.charCodeAt(end) < 0x20) return at;
    const next = text[end] === "\\" ? skip(escaped, text, end) : end + 1;
    if (next === end) return at;
    end = next;
  }
  return end < text.length ? end + 1 : at;
}

function describe(text: string, position: number, expects: Expectation): JsonSyntaxError {
  const before = text.slice(0, position);
  const line = before.split("\n").length;
  const column = position - before.lastIndexOf("\n");
  const character = text[position];
  const found = character === undefined ? "the text ends" : `there is ${JSON.stringify(character)}`;
  return { position, line, column, problem: `${found} where ${words[expects]} is expected` };
}

const words: Record<Expectation, string> = {
  value: "a value",
  "value or ]": 'a value or "]"',
  "property name": "a property name in double quotes",
  "property name or }": 'a property name in double quotes or "}"',
  ":": '":"',
  ", or ]": '"," or "]"',
  ", or }": '"," or "}"',
  end: "nothing more",
};
