import type { AllowedUse } from "../core/access.ts";
import { LivellmError } from "../core/error.ts";
import type { NamedRoute } from "../core/named-route.ts";
import type { ModelSettings } from "../core/provider.ts";
import type { Route, Strategy, Target } from "../core/route.ts";
import { deniedRoute, isLimited, mayUseTarget } from "./allowed-use.ts";
import { checkTargets, faultOfSettings } from "./check-route.ts";
import { type LocateOptions, locateModel } from "./locate-model.ts";
import { fitsPattern } from "./model-pattern.ts";
import type { ProviderDirectory } from "./provider-directory.ts";

/** Where routes are looked up by name. */
export interface RouteDirectory {
  get(name: string): NamedRoute | undefined;
  names(): readonly string[];
}

/** A target that names its provider, with the position that attempts are reported under. */
export interface IndexedTarget extends Target {
  readonly index: number;
  /** Why it cannot be used, where that is known and must not fail the others. */
  readonly unusable?: LivellmError;
}

export interface ExpandOptions extends LocateOptions {
  /** Whether the caller has named the targets itself. Those that it has not and may not use are left out. */
  readonly namesTargets: boolean;
}

/**
 * The route that a name stands for; what the caller has set wins. Throws `not_found` with the names that there are; for a
 * caller who may not use everything, unless the name is one that it may use, `permission_denied`.
 */
export function routeByName(asked: Route, routes: RouteDirectory, shown: AllowedUse | undefined): Route {
  if (!asked.name) return asked;
  const named = routes.get(asked.name);
  if (!named) throw missingRoute(asked.name, routes, shown);
  const { route } = named;
  return {
    targets: route.targets,
    strategy: asked.strategy ?? route.strategy,
    attemptTimeoutMs: asked.attemptTimeoutMs ?? route.attemptTimeoutMs,
    stallTimeoutMs: asked.stallTimeoutMs ?? route.stallTimeoutMs,
    staggerMs: asked.staggerMs ?? route.staggerMs,
  };
}

/**
 * Adds the targets that follow from others: the providers of a model that was named alone, fallback models, and the
 * fallbacks that the settings of a single target say.
 */
export async function expandRoute(
  route: Route,
  options: ExpandOptions,
  signal: AbortSignal,
): Promise<{ readonly targets: readonly IndexedTarget[]; readonly strategy: Strategy | undefined }> {
  const { providers } = options;
  const { strategy } = route;
  const asked = checked(withoutDenied(indexed(route.targets, 0), options), options);
  const located = asked.some(namesModelAlone) ? await locateAll(asked, { ...options, strategy }, signal) : asked;
  const named = located.flatMap((target) => withFallbackModel(target, providers));
  const settings = route.targets.length === 1 && named[0] ? settingsOf(named[0], providers) : undefined;
  if (!settings) return { targets: named, strategy };
  const ours = { ...options, namesTargets: false };
  const fallbacks = checked(withoutDenied(indexed(settings.fallbacks, 1), options), ours);
  const added = await locateAll(fallbacks, { ...ours, strategy }, signal);
  const used = strategy === undefined && settings.strategy === "parallel" ? ofFirstProvider(named) : named;
  return { targets: [...used, ...added], strategy: strategy ?? settings.strategy };
}

/**
 * What the caller names has to be there before anything is tried. What the settings name may have been taken away since: that
 * is one target that fails.
 */
function checked(
  targets: readonly IndexedTarget[],
  { providers, shown, namesTargets }: ExpandOptions,
): readonly IndexedTarget[] {
  if (namesTargets) {
    checkTargets(targets, providers, shown);
    return targets;
  }
  return targets.map((target) => ({ ...target, unusable: faultOfSettings(target, providers) }));
}

/** The same as for a race that the caller asked for: see `locate`. */
function ofFirstProvider(targets: readonly IndexedTarget[]): readonly IndexedTarget[] {
  return targets.filter(({ provider }) => provider === targets[0]?.provider);
}

interface Placing extends ExpandOptions {
  readonly strategy: Strategy | undefined;
}

function indexed(targets: readonly Target[], firstIndex: number): readonly IndexedTarget[] {
  return targets.map((target, i) => ({ ...target, index: firstIndex + i }));
}

async function locateAll(
  targets: readonly IndexedTarget[],
  placing: Placing,
  signal: AbortSignal,
): Promise<readonly IndexedTarget[]> {
  const located = await Promise.all(
    targets.map((target) => (namesModelAlone(target) && !target.unusable ? locate(target, placing, signal) : [target])),
  );
  return located.flat();
}

/** Those that name what the caller may not use; a model alone is found where it may. */
function withoutDenied(
  targets: readonly IndexedTarget[],
  { allowed, providers }: ExpandOptions,
): readonly IndexedTarget[] {
  if (!allowed) return targets;
  return targets.filter((target) => namesModelAlone(target) || mayUseNamed(allowed, target, providers));
}

/** Whether a target that names its provider, or the provider's fallback model in its place, may be used. */
export function mayUseNamed(allowed: AllowedUse, target: Target, providers: ProviderDirectory): boolean {
  return withFallbackModel(target, providers).some((one) => mayUseTarget(allowed, one));
}

export function namesModelAlone({ provider, inlineProvider }: Target): boolean {
  return provider === "" && !inlineProvider;
}

/** All who have it, in turn. A race is between the targets that were named: nobody asked to pay each of them twice. */
async function locate(target: IndexedTarget, placing: Placing, signal: AbortSignal): Promise<readonly IndexedTarget[]> {
  const field = `route.targets[${target.index}]`;
  try {
    const found = await locateModel(target.model, { ...placing, field }, signal);
    const used = placing.strategy === "parallel" ? found.slice(0, 1) : found;
    return used.map((located) => ({ ...target, ...located }));
  } catch (error) {
    if (placing.namesTargets || !(error instanceof LivellmError)) throw error;
    if (error.code === "permission_denied") return [];
    if (error.code === "not_found") return [{ ...target, unusable: error }];
    throw error;
  }
}

/** A target without a model takes the provider's default one, and its fallback model behind it. */
function withFallbackModel<T extends Target>(target: T, providers: ProviderDirectory): readonly T[] {
  const config = providers.get(target.provider);
  if (!config || target.inlineProvider) return [target];
  const model = target.model || config.defaultModel;
  const usesDefault = model === config.defaultModel && model !== "";
  const fallback =
    usesDefault && config.fallbackModel !== "" && config.fallbackModel !== model
      ? [{ ...target, model: config.fallbackModel }]
      : [];
  return [{ ...target, model }, ...fallback];
}

function settingsOf(target: Target, providers: ProviderDirectory): ModelSettings | undefined {
  const config = target.inlineProvider ? undefined : providers.get(target.provider);
  return config?.models.find((settings) => fitsPattern(target.model, settings.model));
}

function missingRoute(name: string, routes: RouteDirectory, shown: AllowedUse | undefined): LivellmError {
  if (!isLimited(shown)) return noSuchRoute(name, routes.names());
  return shown.routes.includes(name)
    ? noSuchRoute(
        name,
        routes.names().filter((one) => shown.routes.includes(one)),
      )
    : deniedRoute(name, shown);
}

function noSuchRoute(name: string, names: readonly string[]): LivellmError {
  const more = names.length > 20 ? ` and ${names.length - 20} more` : "";
  const there = names.length > 0 ? `there are: ${names.slice(0, 20).join(", ")}${more}` : "there are none yet";
  const message = `there is no route "${name}"; ${there}`;
  return new LivellmError("not_found", "not_found", message, { metadata: { route: name } });
}
