import { LivellmError } from "../core/error.ts";
import type { NamedRoute } from "../core/named-route.ts";
import type { ModelSettings } from "../core/provider.ts";
import type { Route, Strategy, Target } from "../core/route.ts";
import { checkTargets } from "./check-route.ts";
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
}

export interface ExpandOptions extends LocateOptions {
  readonly routes: RouteDirectory;
}

/** The route that a name stands for; what the caller has set wins. Throws `not_found` with the names that there are. */
export function routeByName(asked: Route, routes: RouteDirectory): Route {
  if (!asked.name) return asked;
  const named = routes.get(asked.name);
  if (!named) throw noSuchRoute(asked.name, routes.names());
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
  const { providers, mayUseProvider } = options;
  const { strategy } = route;
  checkTargets(route.targets, providers, mayUseProvider);
  const asked = indexed(route.targets, 0);
  const located = asked.some(namesModelAlone) ? await locateAll(asked, { ...options, strategy }, signal) : asked;
  const named = located.flatMap((target) => withFallbackModel(target, providers));
  const settings = route.targets.length === 1 && named[0] ? settingsOf(named[0], providers) : undefined;
  if (!settings) return { targets: named, strategy };
  checkTargets(settings.fallbacks, providers, mayUseProvider);
  const added = await locateAll(indexed(settings.fallbacks, 1), { ...options, strategy }, signal);
  const used = strategy === undefined && settings.strategy === "parallel" ? ofFirstProvider(named) : named;
  return { targets: [...used, ...added], strategy: strategy ?? settings.strategy };
}

/** The same as for a race that the caller asked for: see `locate`. */
function ofFirstProvider(targets: readonly IndexedTarget[]): readonly IndexedTarget[] {
  return targets.filter(({ provider }) => provider === targets[0]?.provider);
}

interface Placing extends LocateOptions {
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
    targets.map((target) => (namesModelAlone(target) ? locate(target, placing, signal) : [target])),
  );
  return located.flat();
}

function namesModelAlone({ provider, inlineProvider }: Target): boolean {
  return provider === "" && !inlineProvider;
}

/** All who have it, in turn. A race is between the targets that were named: nobody asked to pay each of them twice. */
async function locate(target: IndexedTarget, placing: Placing, signal: AbortSignal): Promise<readonly IndexedTarget[]> {
  const all = await locateModel(target.model, placing, signal);
  const found = all.filter(({ provider, model }) => placing.mayUse(provider, model));
  const used = placing.strategy === "parallel" ? found.slice(0, 1) : found;
  return used.map((located) => ({ ...target, ...located }));
}

/** A target without a model takes the provider's default one, and its fallback model behind it. */
function withFallbackModel(target: IndexedTarget, providers: ProviderDirectory): readonly IndexedTarget[] {
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

function noSuchRoute(name: string, names: readonly string[]): LivellmError {
  const more = names.length > 20 ? ` and ${names.length - 20} more` : "";
  const there = names.length > 0 ? `there are: ${names.slice(0, 20).join(", ")}${more}` : "there are none yet";
  const message = `there is no route "${name}"; ${there}`;
  return new LivellmError("not_found", "not_found", message, { metadata: { route: name } });
}
