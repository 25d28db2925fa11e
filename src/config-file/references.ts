import type { JsonValue } from "../core/json.ts";
import type { FilePath, Finding } from "./mistake.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** A value with its references to the environment replaced. */
export interface Resolved {
  readonly value: JsonValue;
  readonly findings: readonly Finding[];
}

/** `${NAME}`; `$${NAME}` is those very characters. */
const reference = /\$?\$\{([^}]*)\}/g;

/** Whether a value comes from elsewhere, whole; several are separated by commas. */
export function isReference(value: JsonValue | undefined): boolean {
  return typeof value === "string" && /^(\s*\$\{[A-Za-z_]\w*\}\s*(,|$))+$/.test(value);
}

/** Replaces `${NAME}` in every text by what the environment says. One that it does not have becomes an empty text. */
export function resolveReferences(value: JsonValue, environment: Environment, path: FilePath = []): Resolved {
  if (typeof value === "string") return resolveText(value, environment, path);
  if (Array.isArray(value)) {
    const items = value.map((item: JsonValue, i) => resolveReferences(item, environment, [...path, i]));
    return { value: items.map((item) => item.value), findings: items.flatMap((item) => item.findings) };
  }
  if (typeof value !== "object" || value === null) return { value, findings: [] };
  const entries = Object.entries(value).map(
    ([key, item]) => [key, resolveReferences(item as JsonValue, environment, [...path, key])] as const,
  );
  return {
    value: Object.fromEntries(entries.map(([key, item]) => [key, item.value])),
    findings: entries.flatMap(([, item]) => item.findings),
  };
}

function resolveText(text: string, environment: Environment, path: FilePath): Resolved {
  const findings: Finding[] = [];
  const value = text.replace(reference, (whole, name: string) => {
    if (whole.startsWith("$$")) return whole.slice(1);
    const found = environment[name]?.trim();
    if (!found) findings.push({ path, problem: missing(name) });
    return found ?? "";
  });
  return { value, findings };
}

function missing(name: string): string {
  return /^[A-Za-z_]\w*$/.test(name)
    ? `the environment has no ${name}`
    : // biome-ignore lint/suspicious/noTemplateCurlyInString: it is what is to be written
      "a reference is the name of a variable of the environment in ${ and }; write $${ for the characters themselves";
}
