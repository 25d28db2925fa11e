import type { AllowedUse } from "../core/access.ts";
import { LivellmError } from "../core/error.ts";
import type { ProviderConfig } from "../core/provider.ts";
import { deniedUse, isLimited, mayUseModel, mayUseSomeOf } from "./allowed-use.ts";
import type { HealthMemory } from "./health.ts";
import type { KnownModel } from "./known-model.ts";
import { isNamed, type ModelDirectory, type ModelList } from "./model-directory.ts";
import { nearNames } from "./near-names.ts";
import type { ProviderDirectory } from "./provider-directory.ts";

/** A provider that has a model, and what it calls it. */
export interface Located {
  readonly provider: string;
  readonly model: string;
}

export interface LocateOptions {
  readonly providers: ProviderDirectory;
  readonly models: ModelDirectory;
  readonly health: HealthMemory;
  /** What the caller may use; everything when unset. */
  readonly allowed: AllowedUse | undefined;
  /** What it may be told of: less, where it may use a route whatever its targets are. */
  readonly shown: AllowedUse | undefined;
}

/**
 * Finds who serves a model that is named without its provider: `gpt-x`, one of its aliases, or `openai/gpt-x`, with the id
 * or the kind of a provider in front. The healthier come first, then by id. Providers are asked when nobody is known to have
 * it. Throws `not_found`, with the names that are near; for a caller who may not use everything it is `permission_denied`,
 * which does not tell a model that it may not use from one that nobody has.
 */
export async function locateModel(
  name: string,
  options: LocateOptions & { readonly field: string },
  signal: AbortSignal,
): Promise<readonly Located[]> {
  const { models } = options;
  const known = await models.list(undefined, signal);
  const found = findIn(known, name, options);
  if (found.length > 0) return found;
  const renewed = await models.renewed(undefined, signal);
  const late = findIn(renewed, name, options);
  if (late.length > 0) return late;
  const named = namedProvider(name, renewed, options);
  if (named) return [named];
  throw nobodyHas(name, shownTo(options, renewed), options);
}

/** A name with a provider in front means that provider rather than another whose own name for it has a slash. */
function findIn({ models }: ModelList, name: string, options: LocateOptions): readonly Located[] {
  const [prefix, rest] = split(name);
  const own = models.filter((model) => model.provider === prefix && isNamed(model, rest));
  const ofKind = models.filter((model) => model.providerKind === prefix && isNamed(model, rest));
  const whole = models.filter((model) => isNamed(model, name));
  const inOrder = [
    ...byHealth(own, options.health).map(({ provider }) => ({ provider, model: rest })),
    ...byHealth(ofKind, options.health).map(({ provider }) => ({ provider, model: rest })),
    ...byHealth(whole, options.health).map(({ provider }) => ({ provider, model: name })),
  ];
  const first = new Map(inOrder.toReversed().map((located) => [located.provider, located]));
  return inOrder.filter(
    (located) =>
      first.get(located.provider) === located && mayUseModel(options.allowed, located.provider, located.model),
  );
}

function split(name: string): readonly [prefix: string, rest: string] {
  const slash = name.indexOf("/");
  return slash <= 0 || slash === name.length - 1 ? ["", ""] : [name.slice(0, slash), name.slice(slash + 1)];
}

function byHealth(models: readonly KnownModel[], health: HealthMemory): readonly KnownModel[] {
  return models
    .map((model) => ({ model, rank: troubleOf(model, health) }))
    .sort((a, b) => a.rank - b.rank || (a.model.provider < b.model.provider ? -1 : 1))
    .map(({ model }) => model);
}

/** A model that nobody has called of late is as good as one that answers, or nobody would ever go back to it. */
function troubleOf(model: KnownModel, health: HealthMemory): number {
  const version = { id: model.provider, revision: model.revision };
  if (health.isAvoided(version, model.id)) return 3;
  return { healthy: 0, unknown: 0, degraded: 1, unhealthy: 2 }[health.report(version, model.id).status];
}

/** A provider that was named and does not tell what it has is believed to have it. */
function namedProvider(
  name: string,
  { models, failures }: ModelList,
  { providers, allowed }: LocateOptions,
): Located | undefined {
  const [prefix, rest] = split(name);
  const config: ProviderConfig | undefined = prefix === "" ? undefined : providers.get(prefix);
  if (!config || config.disabled || !mayUseModel(allowed, prefix, rest)) return undefined;
  const silent = failures.some(({ provider }) => provider === prefix) || !models.some((m) => m.provider === prefix);
  return silent ? { provider: prefix, model: rest } : undefined;
}

/** A message names nothing that the caller may not use. */
function shownTo({ shown }: LocateOptions, { models, failures }: ModelList): ModelList {
  return {
    models: models.filter(({ provider, id }) => mayUseModel(shown, provider, id)),
    failures: failures.filter(({ provider }) => mayUseSomeOf(shown, provider)),
  };
}

function nobodyHas(
  name: string,
  { models, failures }: ModelList,
  { allowed, field }: LocateOptions & { readonly field: string },
): LivellmError {
  const near = nearNames(
    name,
    models.flatMap(({ id, aliases = [], provider }) => [id, ...aliases, `${provider}/${id}`]),
  );
  if (isLimited(allowed)) return deniedUse(name, field, allowed, near);
  const silent = failures.map(({ provider }) => provider);
  const message = [
    `no configured provider has the model "${name}"`,
    near.length > 0 ? `; near: ${near.join(", ")}` : "; ListModels tells which there are",
    silent.length > 0 ? `; could not be asked: ${silent.slice(0, 10).join(", ")}` : "",
  ].join("");
  const metadata = {
    model: name,
    ...(near.length > 0 && { near: near.join(", ") }),
    ...(silent.length > 0 && { notAsked: silent.join(", ") }),
  };
  return new LivellmError("not_found", "not_found", message, { metadata });
}
