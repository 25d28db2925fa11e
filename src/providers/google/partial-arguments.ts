import type { PartialArg } from "@google/genai";
import type { JsonObject, JsonValue } from "../../core/json.ts";
import { objects, text, type Unchecked } from "../openai-compatible/json-fields.ts";

/**
 * Arguments that come in pieces. Each names its place by a JSON Path (RFC 9535) of names and indexes, such as
 * `$.route.stops[0].city`; text goes on where the piece before it said so. Google streams arguments on Vertex alone, behind
 * which some base URLs stand.
 */
export interface PartialArguments {
  readonly root: Branch;
  /** Paths whose text goes on. */
  readonly going: Set<string>;
}

/** By step: `.name` or `[index`. */
type Branch = Map<string, Branch | Leaf>;
type Leaf = string | number | boolean | null;

export function newPartialArguments(): PartialArguments {
  return { root: new Map(), going: new Set() };
}

export function addPartialArguments({ root, going }: PartialArguments, pieces: unknown): void {
  for (const value of objects(pieces)) {
    const piece = value as Unchecked<PartialArg>;
    const path = text(piece.jsonPath);
    const steps = stepsOf(path);
    const last = steps.pop();
    if (last === undefined) continue;
    const holder = steps.reduce(descend, root);
    const before = going.has(path) ? holder.get(last) : undefined;
    const more = leafOf(piece);
    holder.set(last, typeof before === "string" && typeof more === "string" ? before + more : more);
    if (piece.willContinue === true) going.add(path);
    else going.delete(path);
  }
}

/** The arguments as far as they have come. */
export function partialArgumentsJson({ root }: PartialArguments): string {
  return root.size === 0 ? "{}" : JSON.stringify(toValue(root));
}

/** Both forms of a name are taken, `.a` and `['a']`. */
function stepsOf(path: string): string[] {
  const steps = path.matchAll(/\.([^.[\]]+)|\[(\d+)\]|\[(?:'([^']*)'|"([^"]*)")\]/g);
  return [...steps].map(([, name, index, quoted, doubled]) => {
    return index === undefined ? `.${name ?? quoted ?? doubled ?? ""}` : `[${index}`;
  });
}

function descend(holder: Branch, step: string): Branch {
  const there = holder.get(step);
  if (there instanceof Map) return there;
  const made: Branch = new Map();
  holder.set(step, made);
  return made;
}

function leafOf(piece: Unchecked<PartialArg>): Leaf {
  if (typeof piece.stringValue === "string") return piece.stringValue;
  if (typeof piece.numberValue === "number") return piece.numberValue;
  if (typeof piece.boolValue === "boolean") return piece.boolValue;
  return piece.nullValue === undefined ? "" : null;
}

function toValue(value: Branch | Leaf): JsonValue {
  if (!(value instanceof Map)) return value;
  const keys = [...value.keys()];
  if (keys.every((key) => key.startsWith("["))) return [...value.values()].map(toValue);
  return Object.fromEntries([...value].map(([key, item]) => [key.slice(1), toValue(item)])) as JsonObject;
}
