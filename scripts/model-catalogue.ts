/**
 * Writes `catalogue/models.json`: what this server knows of models beside what their providers say.
 *
 *     node scripts/model-catalogue.ts [YYYY-MM-DD] && npx biome check --write catalogue
 *
 * The date is that of the facts; today's when not given. Nothing is guessed from a name. What each fact comes from:
 *
 * - OpenAI: `gpt-tokenizer/models` (endpoints, modalities, features, windows), and the shutdown dates in the comments of the
 *   types of `openai`.
 * - Anthropic: the type `Model` and the list `DEPRECATED_MODELS` of `@anthropic-ai/sdk`.
 * - What no installed package says: `catalogue/facts.json`, by hand, each group with its source.
 *
 * `gpt-tokenizer` 4.0 also has prices, but gives gpt-4o, gpt-4.1 and gpt-5 all that of gpt-4-turbo. A wrong price is worse
 * than none, so they are left out: prices are unknown until the provider, or the operator's own file, says them.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import * as specs from "gpt-tokenizer/models";

const require = createRequire(import.meta.url);
const folder = path.join(import.meta.dirname, "../catalogue");

interface Entry {
  readonly kind: string;
  readonly id: string;
  readonly [fact: string]: unknown;
}

interface HandWritten {
  readonly kinds: Readonly<Record<string, unknown>>;
  readonly groups: readonly {
    readonly source: string;
    readonly kind: string;
    readonly ids: readonly string[];
    readonly facts: Readonly<Record<string, unknown>>;
  }[];
}

const handWritten = JSON.parse(readFileSync(path.join(folder, "facts.json"), "utf8")) as HandWritten;
/** Reads all facts, and writes the file. */
function generate(): void {
  const date = process.argv[2] ?? new Date().toISOString().slice(0, 10);
  const models = merge([...openaiModels(), ...anthropicModels(), ...groupedModels()]);
  const sources = [
    `gpt-tokenizer ${versionOf("gpt-tokenizer")}`,
    `openai ${versionOf("openai")}`,
    `@anthropic-ai/sdk ${versionOf("@anthropic-ai/sdk")}`,
    ...new Set(handWritten.groups.map(({ source }) => source)),
  ];
  const lines = models.map((model) => `    ${JSON.stringify(model)}`).join(",\n");
  const head = JSON.stringify({ date, sources, kinds: handWritten.kinds }, null, 2).slice(0, -2);
  writeFileSync(path.join(folder, "models.json"), `${head},\n  "models": [\n${lines}\n  ]\n}\n`);
  console.log(`${models.length} models of ${date}`);
}

/** Facts about the same model add up; what comes later wins. */
function merge(entries: readonly Entry[]): readonly Entry[] {
  const merged = new Map<string, Entry>();
  for (const entry of entries) {
    const key = `${entry.kind} ${entry.id}`;
    merged.set(key, { ...merged.get(key), ...entry });
  }
  return [...merged].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry);
}

function openaiModels(): readonly Entry[] {
  const shutdown = shutdownDates();
  const described = Object.entries(specs as Record<string, unknown>).flatMap(([id, spec]) => openaiModel(id, spec));
  const dated = [...shutdown].map(([id, retireTime]) => ({ kind: "openai", id, retireTime }));
  return [...described, ...dated];
}

interface Spec {
  readonly modalities?: { readonly input: readonly string[]; readonly output: readonly string[] };
  readonly supported_endpoints?: readonly string[];
  readonly supported_features?: readonly string[];
  readonly context_window?: number;
  readonly max_output_tokens?: number;
  readonly reasoning_tokens?: boolean;
}

function openaiModel(id: string, value: unknown): readonly Entry[] {
  const spec = (typeof value === "object" ? value : {}) as Spec;
  if (!spec.modalities || !spec.supported_endpoints) return [];
  // A realtime session that answers in text alone writes down what it hears.
  const realtime = spec.modalities.output.includes("audio") ? "live" : "transcribe_stream";
  const capabilities = translate({ ...capabilityOfEndpoint, realtime }, spec.supported_endpoints);
  if (capabilities.length === 0) return [];
  const features = translate(featureOfWord, [
    ...(spec.supported_features ?? []),
    ...(spec.reasoning_tokens ? ["reasoning"] : []),
  ]);
  return [
    {
      kind: "openai",
      id,
      capabilities,
      ...(capabilities.includes("agent") && { features }),
      inputModalities: spec.modalities.input,
      outputModalities: spec.modalities.output,
      ...(spec.context_window && { contextWindow: spec.context_window }),
      ...(spec.max_output_tokens && { maxOutputTokens: spec.max_output_tokens }),
    },
  ];
}

const capabilityOfEndpoint = {
  chat_completions: "agent",
  responses: "agent",
  speech_generation: "speak",
  transcription: "transcribe",
  realtime_transcription: "transcribe_stream",
  image_generation: "generate_image",
  image_edit: "edit_image",
};

const featureOfWord = {
  function_calling: "tools",
  structured_outputs: "json_schema",
  web_search: "web_search",
  reasoning: "reasoning",
};

function translate(table: Readonly<Record<string, string>>, words: readonly string[]): readonly string[] {
  return [...new Set(words.flatMap((word) => table[word] ?? []))];
}

/** From comments such as `"gpt-4o", "gpt-4o-mini": Announced shutdown date: 2027-01-14.`, wrapped over lines. */
function shutdownDates(): ReadonlyMap<string, string> {
  const pattern = /((?:"[\w.-]+",? ?)+): Announced shutdown date: (\d{4}-\d{2}-\d{2})/g;
  const dated = typeFiles(path.join(packageFolder("openai"), "resources"))
    .map((file) => readFileSync(file, "utf8").replace(/\s*\n\s*\*\s*/g, " "))
    .flatMap((text) => [...text.matchAll(pattern)])
    .flatMap(([, names = "", day = ""]) =>
      [...names.matchAll(/"([\w.-]+)"/g)].map(([, id = ""]) => [id, day] as const),
    );
  return new Map(dated);
}

function typeFiles(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".d.ts"))
    .map((name) => path.join(folder, name));
}

function anthropicModels(): readonly Entry[] {
  const folder = path.join(packageFolder("@anthropic-ai/sdk"), "resources/messages");
  const union =
    /export type Model = ([^;]+);/.exec(readFileSync(path.join(folder, "messages.d.ts"), "utf8"))?.[1] ?? "";
  const ids = [...union.matchAll(/'(claude-[\w.-]+)'/g)].map(([, id = ""]) => id);
  const listed =
    /DEPRECATED_MODELS = \{([^}]*)\}/.exec(readFileSync(path.join(folder, "messages.js"), "utf8"))?.[1] ?? "";
  const retired = [...listed.matchAll(/'([\w.-]+)': '([A-Z][a-z]+ \d+)\w\w, (\d{4})'/g)];
  return [
    ...ids.map((id) => ({ kind: "anthropic", id, ...anthropicFacts })),
    ...retired.map(([, id = "", day, year]) => {
      return { kind: "anthropic", id, retireTime: new Date(`${day}, ${year} UTC`).toISOString().slice(0, 10) };
    }),
  ];
}

/** What the Messages API has for every model of the type `Model`, from its own types. */
const anthropicFacts = {
  capabilities: ["agent"],
  features: ["tools", "json_schema", "reasoning", "web_search", "code_execution"],
  inputModalities: ["text", "image", "document"],
  outputModalities: ["text"],
};

function groupedModels(): readonly Entry[] {
  return handWritten.groups.flatMap(({ kind, ids, facts }) => ids.map((id) => ({ kind, id, ...facts })));
}

function packageFolder(name: string): string {
  const [folder] = (require.resolve.paths(name) ?? [])
    .map((root) => path.join(root, name))
    .filter((candidate) => readdirOrNothing(candidate).includes("package.json"));
  if (folder === undefined) throw new Error(`${name} is not installed`);
  return folder;
}

function readdirOrNothing(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function versionOf(name: string): string {
  const { version } = JSON.parse(readFileSync(path.join(packageFolder(name), "package.json"), "utf8")) as {
    readonly version: string;
  };
  return version;
}

generate();
