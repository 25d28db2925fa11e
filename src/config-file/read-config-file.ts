import path from "node:path";
import type { Violation } from "../core/error.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../core/json.ts";
import type { NamedRoute } from "../core/named-route.ts";
import type { ProviderConfig, ProviderKind } from "../core/provider.ts";
import { nearestWord } from "../messages/near-word.ts";
import { type FilePath, type Finding, type Mistake, pathInWords } from "./mistake.ts";
import { readProviders } from "./providers.ts";
import { resolveReferences } from "./references.ts";
import { readRoutes } from "./routes.ts";
import { readSettings } from "./settings.ts";
import { readYaml, type YamlText } from "./yaml-text.ts";

type Variables = Readonly<Record<string, string | undefined>>;

export interface ConfigFileContext {
  /** For references. */
  readonly environment: Variables;
  readonly kinds: ReadonlyMap<string, ProviderKind>;
  readonly checkSettings: (kind: string, settings: JsonObject) => readonly Violation[];
  /** What is wrong with its settings, read as the environment's. */
  readonly problems: readonly { readonly name: string; readonly problem: string }[];
  /** The providers there are without the file, given its settings. */
  readonly otherProviders: (settings: Variables) => readonly string[];
}

/** What a file says; only to be used when it has no mistakes. */
export interface ConfigFile {
  readonly settings: Readonly<Record<string, string>>;
  readonly providers: readonly ProviderConfig[];
  readonly routes: readonly NamedRoute[];
  /** In the order of the file. */
  readonly mistakes: readonly Mistake[];
}

/** Reads a configuration file as a whole, and finds every mistake in it. `file` is where `text` comes from. */
export function readConfigFile(file: string, text: string, context: ConfigFileContext): ConfigFile {
  const yaml = readYaml(text);
  if (yaml.mistakes.length > 0) return { settings: {}, providers: [], routes: [], mistakes: yaml.mistakes };
  const written = yaml.content;
  const resolved = resolveReferences(written, context.environment);
  const content = resolved.value as JsonObject;
  const { settings, findings: ofSettings } = readSettings(content.settings, written.settings);
  const items = { providers: listOf(content, "providers"), routes: listOf(content, "routes") };
  const providerIds = [...new Set([...namesOf(items.providers, "id"), ...context.otherProviders(settings)])];
  const folder = path.dirname(path.resolve(file));
  const ofFile = readProviders(items.providers, listOf(written, "providers"), { ...context, folder, providerIds });
  const { routes, findings: ofRoutes } = readRoutes(items.routes, providerIds);
  const findings = [
    ...resolved.findings,
    ...findSections(content),
    ...ofSettings,
    ...context.problems.map(({ name, problem }) => ({ path: ["settings", name], problem })),
    ...ofFile.findings,
    ...ofRoutes,
    ...findRepeated(items.providers, "providers", "id"),
    ...findRepeated(items.routes, "routes", "name"),
  ];
  return { settings, providers: ofFile.providers, routes, mistakes: placed(findings, yaml) };
}

const sections = ["settings", "providers", "routes"];

function findSections(content: JsonObject): readonly Finding[] {
  const unknown = Object.keys(content).filter((key) => !sections.includes(key));
  const lists = ["providers", "routes"].filter((key) => content[key] != null && !Array.isArray(content[key]));
  return [
    ...unknown.map((key) => ({ path: [key], problem: unknownSection(key) })),
    ...lists.map((key) => ({ path: [key], problem: "must be a list" })),
  ];
}

function unknownSection(key: string): string {
  const near = nearestWord(key, sections);
  const there = near ? `did you mean ${near}?` : `the file has ${sections.join(", ")}`;
  return `there is no such section; ${there}`;
}

function listOf(content: JsonObject, key: string): readonly JsonValue[] {
  const list = content[key];
  return Array.isArray(list) ? list : [];
}

function namesOf(items: readonly JsonValue[], key: string): readonly string[] {
  return items.flatMap((item) => (isJsonObject(item) && typeof item[key] === "string" ? [item[key]] : []));
}

function findRepeated(items: readonly JsonValue[], section: string, key: string): readonly Finding[] {
  const names = items.map((item) => (isJsonObject(item) ? item[key] : undefined));
  return names.flatMap((name, i) => {
    if (typeof name !== "string" || names.indexOf(name) === i) return [];
    return [{ path: [section, i, key], problem: `"${name}" is there twice` }];
  });
}

/** With their places, in the order of the file; of one place, what was found first. */
function placed(findings: readonly Finding[], yaml: YamlText): readonly Mistake[] {
  const first = new Map<string, Finding>();
  for (const finding of findings) {
    const where = pathInWords(finding.path);
    if (!first.has(where)) first.set(where, finding);
  }
  return [...first]
    .map(([where, { path: at, problem }]) => ({ ...yaml.locate(at as FilePath), where, problem }))
    .sort((a, b) => a.line - b.line || a.column - b.column);
}
