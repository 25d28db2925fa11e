import { readFile } from "node:fs/promises";
import shipped from "../../catalogue/models.json" with { type: "json" };
import { LivellmError } from "../core/error.ts";
import type { ModelDescription } from "../core/models.ts";
import { type CatalogueData, type CatalogueEntry, parseCatalogue } from "./catalogue-data.ts";

/** What is known of models beside what their providers say. */
export interface Catalogue {
  /** What is known of a model of a provider; empty when nothing is. */
  describe(model: ModelName): CatalogueKnowledge;
  /** The models of a provider that its own list leaves out. */
  unlisted(provider: Omit<ModelName, "id">): readonly string[];
  /** When models of this kind of provider run on the caller's own machines. */
  localWhen(kind: string): "always" | "loopback" | "never";
}

/** `provider` is the id of a configured one, empty for an inline one. */
export interface ModelName {
  readonly provider: string;
  readonly kind: string;
  readonly id: string;
}

/** `shipped` comes behind what a provider says of its own model, `overriding` before it. */
export interface CatalogueKnowledge {
  readonly shipped: ModelDescription;
  readonly overriding: ModelDescription;
}

/**
 * The catalogue of this repository, and over it, where given, the operator's own file in the same form. Throws
 * `failed_precondition` when that cannot be read.
 */
export async function loadCatalogue(overridesFile?: string): Promise<Catalogue> {
  if (overridesFile === undefined || overridesFile === "") return createCatalogue(shipped);
  const text = await readFile(overridesFile, "utf8").catch((error: unknown) => {
    throw unusable(overridesFile, error instanceof Error ? error.message : "it cannot be read", error);
  });
  try {
    return createCatalogue(shipped, JSON.parse(text));
  } catch (error) {
    throw unusable(overridesFile, error instanceof Error ? error.message : "it is not JSON", error);
  }
}

/** Throws a RangeError that says what is wrong in the data. */
export function createCatalogue(facts: unknown = shipped, overrides: unknown = { models: [] }): Catalogue {
  const [base, over] = [index(parseCatalogue(facts)), index(parseCatalogue(overrides))];
  return {
    describe: (model) => ({ shipped: find(base, model), overriding: find(over, model) }),
    unlisted: (provider) => [...new Set([...unlistedIn(base, provider), ...unlistedIn(over, provider)])],
    localWhen: (kind) => over.kinds[kind]?.local ?? base.kinds[kind]?.local ?? "never",
  };
}

interface Index {
  readonly kinds: CatalogueData["kinds"];
  readonly entries: readonly CatalogueEntry[];
  readonly byName: ReadonlyMap<string, CatalogueEntry>;
}

function index({ kinds, models }: CatalogueData): Index {
  return { kinds, entries: models, byName: new Map(models.map((entry) => [keyOf(entry), entry])) };
}

function keyOf({ provider = "", kind = "", id }: Partial<ModelName> & { readonly id: string }): string {
  return JSON.stringify(provider === "" ? ["kind", kind, id] : ["provider", provider, id]);
}

/** What is said of the very provider counts more than what is said of all of its kind. */
function find({ byName }: Index, { provider, kind, id }: ModelName): ModelDescription {
  const own = provider === "" ? undefined : byName.get(keyOf({ provider, id }));
  return { ...byName.get(keyOf({ kind, id }))?.description, ...own?.description };
}

function unlistedIn({ entries }: Index, { provider, kind }: Omit<ModelName, "id">): readonly string[] {
  return entries
    .filter((entry) => entry.unlisted && (entry.provider ? entry.provider === provider : entry.kind === kind))
    .map(({ id }) => id);
}

function unusable(file: string, why: string, cause: unknown): LivellmError {
  const message = `the catalogue ${file} cannot be used: ${why}`;
  return new LivellmError("failed_precondition", "invalid_request", message, { cause });
}
