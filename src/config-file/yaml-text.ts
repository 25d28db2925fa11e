import { type Document, isAlias, isMap, isNode, isPair, isScalar, isSeq, LineCounter, parseDocument } from "yaml";
import { isJsonObject, type JsonObject } from "../core/json.ts";
import { inSnakeCase } from "./file-spelling.ts";
import type { FilePath, Mistake } from "./mistake.ts";

/** A YAML file that is a mapping, or what keeps it from being one. */
export interface YamlText {
  readonly content: JsonObject;
  readonly mistakes: readonly Mistake[];
  /** Where the key of a path stands, or the nearest there is above it. */
  locate(path: FilePath): { readonly line: number; readonly column: number };
}

/** Reads a YAML 1.2 file. No message quotes it: there may be secrets in it. */
export function readYaml(text: string): YamlText {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  const locate = (path: FilePath) => at(offsetOf(document, path));
  const mistakes = document.errors.map(({ message, pos }) => ({
    ...at(pos[0]),
    where: "",
    problem: firstLine(message),
  }));
  if (mistakes.length > 0) return { content: {}, mistakes, locate };
  const content: unknown = document.toJS() ?? {};
  if (isJsonObject(content as JsonObject)) return { content: content as JsonObject, mistakes, locate };
  const problem = "the file must be a mapping with any of settings, providers and routes";
  return { content: {}, mistakes: [{ line: 1, column: 1, where: "", problem }], locate };
}

function firstLine(message: string): string {
  return message.split("\n", 1)[0] ?? message;
}

/** Where the last step of the path that exists begins. */
function offsetOf(document: Document.Parsed, path: FilePath): number {
  let node: unknown = document.contents;
  let offset = 0;
  for (const step of path) {
    if (isAlias(node)) node = node.resolve(document);
    const next = childOf(node, step);
    if (next === undefined) break;
    offset = next.offset ?? offset;
    node = next.value;
  }
  return offset;
}

function childOf(
  node: unknown,
  step: string | number,
): { readonly offset?: number; readonly value: unknown } | undefined {
  if (isSeq(node) && typeof step === "number") {
    const item = node.items[step];
    return item === undefined ? undefined : { offset: startOf(item), value: item };
  }
  if (!isMap(node)) return undefined;
  const named = (name: (key: string) => unknown) =>
    node.items.find(({ key }) => isScalar(key) && name(String(key.value)) === String(step));
  // A field may be written in either spelling, and findings have one.
  const pair = named((key) => key) ?? named(inSnakeCase);
  return pair && isPair(pair) ? { offset: startOf(pair.key), value: pair.value } : undefined;
}

function startOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined;
}
