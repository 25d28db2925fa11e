import { isJsonObject, type JsonObject, type JsonValue } from "../core/json.ts";
import type { SettingForm } from "../environment/readers.ts";
import { variableNamed, variables } from "../environment.ts";
import { nearestWord } from "../messages/near-word.ts";
import type { Finding } from "./mistake.ts";
import { isReference } from "./references.ts";

/** What a file sets, as the environment would say it. */
export interface FileSettings {
  readonly settings: Readonly<Record<string, string>>;
  readonly findings: readonly Finding[];
}

/** The names that may stand under `settings`. */
export const settingNames: readonly string[] = Object.keys(variables).filter((name) => name !== "LIVELLM_CONFIG");

/** Reads `settings`; `written` is the same before its references were replaced, for secrets must be references. */
export function readSettings(given: JsonValue | undefined, written: JsonValue | undefined): FileSettings {
  if (given === undefined || given === null) return { settings: {}, findings: [] };
  if (!isJsonObject(given)) {
    return { settings: {}, findings: [{ path: ["settings"], problem: "must be a mapping of names to values" }] };
  }
  const read = Object.entries(given).map(([name, value]) => readSetting(name, value, (written as JsonObject)[name]));
  return {
    settings: Object.fromEntries(read.flatMap(({ name, text }) => (text === undefined ? [] : [[name, text]]))),
    findings: read.flatMap(({ name, problem }) =>
      problem === undefined ? [] : [{ path: ["settings", name], problem }],
    ),
  };
}

interface ReadSetting {
  readonly name: string;
  readonly text?: string;
  readonly problem?: string;
}

function readSetting(name: string, value: JsonValue, written: JsonValue | undefined): ReadSetting {
  if (!settingNames.includes(name)) return { name, problem: unknownSetting(name) };
  const form = variableNamed(name)?.read.form;
  if (form?.is === "secret" && !isReference(written)) {
    return { name, problem: `a secret does not belong in this file: write \${${name}}` };
  }
  if (value === null) return { name, problem: "has no value; leave it out for the default" };
  const text = textOf(value, form);
  return text === undefined ? { name, problem: `must be ${rightForm(form)}` } : { name, text };
}

function unknownSetting(name: string): string {
  if (name === "LIVELLM_CONFIG") return "a configuration file cannot name another one";
  const near = nearestWord(name, settingNames);
  return `there is no such setting; ${near ? `did you mean ${near}?` : "docs/configuration.md lists them"}`;
}

/** As the environment would say it; undefined when it is of another kind. Whether it can be used is seen later. */
function textOf(value: JsonValue, form: SettingForm | undefined): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value === "number") return String(value);
  if (typeof value === "boolean") return form?.is === "flag" ? String(Number(value)) : undefined;
  if (!Array.isArray(value) || form?.is !== "list") return undefined;
  return value.every((item) => typeof item === "string" && !item.includes(",")) ? value.join(",") : undefined;
}

function rightForm(form: SettingForm | undefined): string {
  if (form?.is === "number") return "a number";
  if (form?.is === "word") return `one of ${form.words.join(", ")}`;
  if (form?.is === "list") return "a list of texts";
  return form?.is === "flag" ? "true or false" : "a text";
}
