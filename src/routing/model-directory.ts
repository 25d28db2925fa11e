import type { LivellmError } from "../core/error.ts";
import type { ListedModel } from "../core/models.ts";
import type { Pricing } from "../core/pricing.ts";
import type { ProviderConfig, ProviderKind } from "../core/provider.ts";
import type { Catalogue } from "./catalogue.ts";
import { type Clock, steadyClock } from "./clock.ts";
import { describeModel, type KnownModel } from "./known-model.ts";
import { leaseConfigured, type ProviderSource } from "./lease-provider.ts";
import { isModelAllowed } from "./model-pattern.ts";
import { type Listing, type ListingSettings, ProviderListing, usualListing } from "./provider-listing.ts";

/** The models of providers, and the providers that could not be asked. */
export interface ModelList {
  /** By provider and id, in the order of code units. */
  readonly models: readonly KnownModel[];
  readonly failures: readonly { readonly provider: string; readonly error: LivellmError }[];
}

/** Knows which provider has which models. */
export interface ModelDirectory {
  /** Of one provider, or of all that are not disabled. Waits for those that have never been asked. */
  list(provider: string | undefined, signal: AbortSignal): Promise<ModelList>;
  /** The same, after asking those again that have not been asked for a while. */
  renewed(provider: string | undefined, signal: AbortSignal): Promise<ModelList>;
  /** What is known of a model without asking anybody, whether it is on a list or not. */
  known(provider: string, model: string): KnownModel | undefined;
  /** What a model of an inline provider costs. */
  pricingOf(kind: string, model: string): Pricing | undefined;
  /** Tokens of input and output together, where known. */
  contextWindowOf(provider: string, model: string): number | undefined;
  /** Stops asking. */
  close(): void;
}

export interface ModelDirectoryOptions extends ProviderSource {
  readonly catalogue: Catalogue;
  readonly clock?: Clock;
  readonly listing?: Partial<ListingSettings>;
}

export function createModelDirectory(options: ModelDirectoryOptions): ModelDirectory {
  const { providers, catalogue } = options;
  const listings = new Listings(options);
  const chosen = (provider: string | undefined): readonly ProviderConfig[] =>
    (provider === undefined ? providers.ids() : [provider])
      .flatMap((id) => providers.get(id) ?? [])
      .filter(({ disabled }) => !disabled);
  const read = async (
    provider: string | undefined,
    get: (listing: ProviderListing) => Promise<Listing>,
  ): Promise<ModelList> => {
    listings.forgetOthers(providers.ids());
    const configs = chosen(provider).toSorted((a, b) => compare(a.id, b.id));
    const lists = await Promise.all(configs.map((config) => modelsOf(config, get(listings.of(config)), options)));
    return { models: lists.flatMap(({ models }) => models), failures: lists.flatMap(({ failures }) => failures) };
  };
  const describe = (config: ProviderConfig, kind: ProviderKind, listed: ListedModel) =>
    describeModel(listed, { config, kind, abilities: undefined, catalogue });
  const known = (provider: string, model: string): KnownModel | undefined => {
    const config = providers.get(provider);
    const kind = config && providers.kind(config.kind);
    return kind && listings.known(config, model, (listed) => describe(config, kind, listed));
  };
  return {
    list: (provider, signal) => read(provider, (listing) => listing.get(signal)),
    renewed: (provider, signal) => read(provider, (listing) => listing.renew(signal)),
    known,
    pricingOf: (kind, id) => catalogue.describe({ provider: "", kind, id }).shipped.pricing,
    contextWindowOf: (provider, model) => known(provider, model)?.contextWindow,
    close: () => listings.forgetOthers([]),
  };
}

/** Whether a model goes by a name, its own or another that its provider knows. */
export function isNamed({ id, aliases }: ListedModel, name: string): boolean {
  return id === name || (aliases?.includes(name) ?? false);
}

/** A kept list, and what has been described of it: every call asks what is known of its model. */
interface KeptListing {
  readonly revision: string;
  readonly listing: ProviderListing;
  readonly described: Map<string, KnownModel>;
  /** The list that `described` is of. */
  models: readonly ListedModel[] | undefined;
}

/** Callers may ask for any name. */
const maxDescribed = 1_000;

/** The kept lists; a provider that has changed is asked anew. */
class Listings {
  readonly #options: ModelDirectoryOptions;
  readonly #kept = new Map<string, KeptListing>();

  constructor(options: ModelDirectoryOptions) {
    this.#options = options;
  }

  of(config: ProviderConfig): ProviderListing {
    return this.#keep(config).listing;
  }

  known(config: ProviderConfig, model: string, describe: (listed: ListedModel) => KnownModel): KnownModel {
    const kept = this.#keep(config);
    const { models } = kept.listing.current;
    if (kept.models !== models || kept.described.size >= maxDescribed) kept.described.clear();
    kept.models = models;
    const known = kept.described.get(model) ?? describe(models?.find((one) => isNamed(one, model)) ?? { id: model });
    kept.described.set(model, known);
    return known;
  }

  #keep(config: ProviderConfig): KeptListing {
    const kept = this.#kept.get(config.id);
    if (kept?.revision === config.revision) return kept;
    kept?.listing.close();
    const { clock = steadyClock, listing } = this.#options;
    const ask = (signal: AbortSignal) => askFor(config, this.#options, signal);
    const made = {
      revision: config.revision,
      listing: new ProviderListing({ ...usualListing, ...listing, clock, provider: config.id, ask }),
      described: new Map<string, KnownModel>(),
      models: undefined,
    };
    this.#kept.set(config.id, made);
    return made;
  }

  forgetOthers(ids: readonly string[]): void {
    const there = new Set(ids);
    for (const [id, { listing }] of this.#kept) {
      if (there.has(id)) continue;
      listing.close();
      this.#kept.delete(id);
    }
  }
}

/** A provider without a list has the models that its configuration names. */
async function askFor(
  config: ProviderConfig,
  source: ProviderSource,
  signal: AbortSignal,
): Promise<readonly ListedModel[]> {
  const { lease } = leaseConfigured(config, source);
  using _held = lease;
  return (await lease.capabilities.models?.list(signal)) ?? [];
}

async function modelsOf(
  config: ProviderConfig,
  asked: Promise<Listing>,
  options: ModelDirectoryOptions,
): Promise<ModelList> {
  const { models, failure } = await asked;
  const failures = failure ? [{ provider: config.id, error: failure }] : [];
  const kind = options.providers.kind(config.kind);
  if (!kind) return { models: [], failures };
  const { lease } = leaseConfigured(config, options);
  using _held = lease;
  const { catalogue } = options;
  const describer = { config, kind, abilities: lease.capabilities, catalogue };
  const named = models && models.length > 0 ? [] : namedIn(config);
  const unlisted = catalogue.unlisted({ provider: config.id, kind: kind.kind });
  const all = withoutRepeats([...(models ?? []), ...[...named, ...unlisted].map((id) => ({ id }))]);
  return {
    models: all
      .filter(({ id }) => isModelAllowed(id, config))
      .map((model) => describeModel(model, describer))
      .sort((a, b) => compare(a.id, b.id)),
    failures,
  };
}

/** The models that the configuration itself names, patterns left out. */
function namedIn({ defaultModel, fallbackModel, allowedModels, models }: ProviderConfig): readonly string[] {
  const names = [defaultModel, fallbackModel, ...allowedModels, ...models.map(({ model }) => model)];
  return names.filter((name) => name !== "" && !name.includes("*"));
}

function withoutRepeats(models: readonly ListedModel[]): readonly ListedModel[] {
  const byId = new Map<string, ListedModel>();
  for (const model of models) if (!byId.has(model.id)) byId.set(model.id, model);
  return [...byId.values()];
}

/** By code units, as pages compare. */
function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
