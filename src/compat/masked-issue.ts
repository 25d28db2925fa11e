import { isJsonObject } from "./json.ts";
import type { Issue } from "./rejected.ts";

const mask = "*".repeat(10);

/** What keys, tokens and the headers of tools' servers stand under, however that is spelt. */
const secretNames = /(key|token|secret|password|authorization|cookie|credentials?|headers|kwargs)$/i;

/** So much of a text is given back: it is there to be recognised, and may be a recording. */
const mostCharacters = 256;

/**
 * An issue whose `input`, which FastAPI's users find what they sent in, holds nothing that is secret: error bodies end up in
 * logs. What stands under a name of a secret is masked, and so is a whole text where there should have been an object.
 */
export function maskedIssue(issue: Issue): Issue {
  const { loc, input } = issue;
  const isSecret = loc.some((name) => typeof name === "string" && secretNames.test(name));
  return { ...issue, input: isSecret || isUnread(issue) ? mask : masked(input) };
}

/** A text that may hold anything: nobody has read it, as with a body that is not said to be JSON. */
function isUnread({ type, input }: Issue): boolean {
  return typeof input === "string" && (type === "model_attributes_type" || type === "dict_type");
}

function masked(value: unknown): unknown {
  if (typeof value === "string") return value.length > mostCharacters ? `${value.slice(0, mostCharacters)}…` : value;
  if (Array.isArray(value)) return value.map(masked);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [name, secretNames.test(name) ? mask : masked(one)]),
  );
}
