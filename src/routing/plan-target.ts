import { LivellmError } from "../core/error.ts";
import type { JsonObject } from "../core/json.ts";
import type { Capabilities, Capability } from "../core/provider.ts";
import type { Route } from "../core/route.ts";
import { noSuchProvider } from "./check-route.ts";
import type { IndexedTarget } from "./expand-route.ts";
import type { HealthMemory } from "./health.ts";
import { type LeasedProvider, leaseConfigured, leaseInline, type ProviderSource } from "./lease-provider.ts";
import type { ModelDirectory } from "./model-directory.ts";
import { fitsPattern, isModelAllowed } from "./model-pattern.ts";
import type { PlannedTarget } from "./plan.ts";

/** What a target is planned with. */
export interface TargetPlanning<C extends Capability> {
  readonly capability: C;
  readonly route: Route;
  /** Used where neither the target nor the route says. */
  readonly attemptTimeoutMs: number;
  readonly models: ModelDirectory;
  readonly health: HealthMemory;
}

/** The provider that a target names, held until the lease is disposed. */
function leaseFor(target: IndexedTarget, source: ProviderSource): LeasedProvider {
  if (target.inlineProvider) return leaseInline(target.inlineProvider, source);
  const config = source.providers.get(target.provider);
  if (!config) throw noSuchProvider([target], []); // deleted a moment ago
  return leaseConfigured(config, source);
}

/**
 * The same, or why this one target cannot be used: the settings name what is not there, or its kind is one that this server
 * has no adapter for.
 */
export function leaseOrFault(target: IndexedTarget, source: ProviderSource): LeasedProvider | LivellmError {
  if (target.unusable) return target.unusable;
  try {
    return leaseFor(target, source);
  } catch (error) {
    if (error instanceof LivellmError && error.code === "failed_precondition") return error;
    throw error;
  }
}

/** A target that fails without being called. */
export function planUnusable<C extends Capability>(
  { index, provider, model, voice, options }: IndexedTarget,
  error: LivellmError,
  { attemptTimeoutMs }: TargetPlanning<C>,
): PlannedTarget<C> {
  const use = { ready: false, skipped: false, error } as const;
  return { index, provider, kind: "", model, voice, options, attemptTimeoutMs, use };
}

export function planTarget<C extends Capability>(
  target: IndexedTarget,
  leased: LeasedProvider,
  planning: TargetPlanning<C>,
): PlannedTarget<C> {
  const { config, kind } = leased;
  const { route, models, health } = planning;
  const known = config && models.known(config.id, target.model);
  const pricing = config ? known?.pricing : models.pricingOf(kind.kind, target.model);
  return {
    index: target.index,
    provider: config?.id ?? "",
    kind: kind.kind,
    model: target.model,
    voice: target.voice,
    ...optionsOf(target, config?.defaultOptions),
    attemptTimeoutMs: target.attemptTimeoutMs ?? route.attemptTimeoutMs ?? planning.attemptTimeoutMs,
    contextPolicy:
      target.contextPolicy ?? config?.models.find(({ model }) => fitsPattern(target.model, model))?.contextPolicy,
    ...(pricing && { pricing }),
    ...(config && { health: health.target(config, known?.id ?? target.model) }),
    use: useOf(leased, target.model, planning.capability),
  };
}

function optionsOf(
  { options }: IndexedTarget,
  defaults: JsonObject | undefined,
): Pick<PlannedTarget, "options" | "defaultedOptions"> {
  const names = defaults ? Object.keys(defaults) : [];
  if (names.length === 0) return { options };
  return {
    options: { ...defaults, ...options },
    defaultedOptions: names.filter((name) => !Object.hasOwn(options, name)),
  };
}

function useOf<C extends Capability>(leased: LeasedProvider, model: string, capability: C): PlannedTarget<C>["use"] {
  const { config, kind } = leased;
  const refuse = (skipped: boolean, message: string) => ({
    ready: false as const,
    skipped,
    error: new LivellmError("failed_precondition", "unsupported", message),
  });
  if (config?.disabled) return refuse(true, `the provider ${config.id} is disabled`);
  if (config && !isModelAllowed(model, config)) {
    return refuse(false, `the model ${model} is not allowed on the provider ${config.id}`);
  }
  const ability: Capabilities[C] = leased.lease.capabilities[capability];
  if (!ability)
    return refuse(false, `the provider ${config?.id ?? "given"} (${kind.kind}) cannot ${verbs[capability]}`);
  return { ready: true, capability: ability };
}

const verbs: Readonly<Record<Capability, string>> = {
  chat: "chat",
  models: "list models",
  speech: "speak",
  transcription: "write down recordings",
  liveTranscription: "write down live audio",
  images: "make images",
  live: "converse live",
};
