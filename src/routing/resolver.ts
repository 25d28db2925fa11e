import { createHash } from "node:crypto";
import { invalidRequest, LivellmError, type Violation } from "../core/error.ts";
import type {
  Capabilities,
  Capability,
  ModelSettings,
  ProviderConfig,
  ProviderConnection,
  ProviderKind,
} from "../core/provider.ts";
import type { InlineProvider, Route, Strategy, Target } from "../core/route.ts";
import { fitsPattern, isModelAllowed } from "./model-pattern.ts";
import type { Plan, PlannedTarget } from "./plan.ts";
import type { Lease, ProviderPool } from "./provider-pool.ts";

/** Where configured providers are looked up. */
export interface ProviderDirectory {
  get(id: string): ProviderConfig | undefined;
  ids(): readonly string[];
  kind(name: string): ProviderKind | undefined;
  kinds(): readonly string[];
}

export interface ResolverOptions {
  readonly providers: ProviderDirectory;
  readonly pool: ProviderPool;
  /** Used where neither the target nor the route says. */
  readonly attemptTimeoutMs: number;
  readonly stallTimeoutMs: number;
}

/** Turns a Route into a plan for one capability. Throws `not_found` for a provider that does not exist. */
export interface Resolver {
  plan<C extends Capability>(route: Route, capability: C): Plan<C>;
  /** Builds a provider that is not kept, to try it out. */
  trial(config: ProviderConfig): Lease;
}

export function createResolver(options: ResolverOptions): Resolver {
  return {
    plan(route, capability) {
      const { targets, strategy } = expand(route, options.providers);
      const leases: Lease[] = [];
      const release = () => {
        for (const lease of leases) lease[Symbol.dispose]();
      };
      try {
        const planned = targets.map((target) => {
          const found = find(target, options);
          leases.push(found.lease);
          return planTarget({ target, found, capability, route, options });
        });
        return {
          targets: planned,
          strategy: strategy ?? "sequential",
          stallTimeoutMs: route.stallTimeoutMs ?? options.stallTimeoutMs,
          staggerMs: route.staggerMs ?? 0,
          [Symbol.dispose]: release,
        };
      } catch (error) {
        release();
        throw error;
      }
    },
    trial: (config) => options.pool.trial(kindOf(config, options), connectionOf(config, kindOf(config, options))),
  };
}

/** A target with the position that attempts are reported under. */
interface IndexedTarget extends Target {
  readonly index: number;
}

/** Adds the targets that the providers' settings say: fallback models, and fallbacks of a single target. */
function expand(
  route: Route,
  providers: ProviderDirectory,
): { targets: readonly IndexedTarget[]; strategy: Strategy | undefined } {
  checkNames(route, providers);
  const named = route.targets.flatMap((target, index) => withFallbackModel({ ...target, index }, providers));
  const settings = route.targets.length === 1 && named[0] ? settingsOf(named[0], providers) : undefined;
  const added = (settings?.fallbacks ?? []).map((target, i) => ({ ...target, index: i + 1 }));
  checkNames({ targets: added }, providers);
  return { targets: [...named, ...added], strategy: route.strategy ?? settings?.strategy };
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

/** Names what does not exist, all of it, before anything is tried. */
function checkNames(route: Route, providers: ProviderDirectory): void {
  if (route.name) throw later("routes by name");
  const unknown = route.targets.filter(({ provider }) => provider !== "" && !providers.get(provider));
  if (unknown.length > 0) throw noSuchProvider(unknown, providers.ids());
  if (route.targets.some(({ provider, inlineProvider }) => provider === "" && !inlineProvider)) {
    throw later("targets that name only a model");
  }
  const violations = route.targets.flatMap((target, i) => violationsOf(target, i, providers));
  if (violations.length > 0) throw invalidRequest(violations);
}

function violationsOf(target: Target, i: number, providers: ProviderDirectory): Violation[] {
  const path = `route.targets[${i}]`;
  if (target.inlineProvider)
    return inlineViolations(target.inlineProvider, `${path}.inlineProvider`, target, providers);
  if (target.model !== "" || providers.get(target.provider)?.defaultModel) return [];
  const description = `name a model: the provider ${target.provider} has no default model`;
  return [{ field: `${path}.model`, description, reason: "REQUIRED" }];
}

function inlineViolations(
  inline: InlineProvider,
  path: string,
  target: Target,
  providers: ProviderDirectory,
): Violation[] {
  const kind = providers.kind(inline.kind);
  if (!kind) {
    const description = `there is no kind ${inline.kind}; the kinds are ${providers.kinds().join(", ")}`;
    return [{ field: `${path}.kind`, description, reason: "UNKNOWN" }];
  }
  const missing = (field: string, description: string): Violation => ({ field, description, reason: "REQUIRED" });
  return [
    ...(kind.baseUrlRequired && !inline.baseUrl ? [missing(`${path}.baseUrl`, `${kind.kind} needs a base URL`)] : []),
    ...(kind.apiKeyRequired && !inline.apiKey ? [missing(`${path}.apiKey`, `${kind.kind} needs an API key`)] : []),
    ...(target.model === ""
      ? [missing(path.replace(/inlineProvider$/, "model"), "name a model: an inline provider has no default model")]
      : []),
  ];
}

interface Found {
  readonly provider: string;
  readonly kind: ProviderKind;
  readonly config?: ProviderConfig;
  readonly lease: Lease;
}

function find(target: Target, options: ResolverOptions): Found {
  if (target.inlineProvider) return leaseInline(target.inlineProvider, options);
  const config = options.providers.get(target.provider);
  if (!config) throw noSuchProvider([target], options.providers.ids());
  return { provider: config.id, kind: kindOf(config, options), config, lease: leaseConfigured(config, options) };
}

function leaseConfigured(config: ProviderConfig, options: ResolverOptions): Lease {
  const kind = kindOf(config, options);
  return options.pool.lease(`configured ${config.id}`, config.revision, kind, () => connectionOf(config, kind));
}

function connectionOf(config: ProviderConfig, kind: ProviderKind): ProviderConnection {
  const { apiKey, headers, settings } = config;
  return { apiKey, baseUrl: addressOf(config.baseUrl, kind), headers, settings };
}

/** Kept for the next call with the same key and address, under a digest: keys are never the key of a map. */
function leaseInline(inline: InlineProvider, options: ResolverOptions): Found {
  const kind = options.providers.kind(inline.kind);
  if (!kind) throw new LivellmError("invalid_argument", "invalid_request", `there is no kind ${inline.kind}`);
  const baseUrl = addressOf(inline.baseUrl ?? "", kind);
  const headers = Object.entries(inline.headers).map(([name, value]) => [name, value.reveal()]);
  const identity = JSON.stringify([inline.kind, baseUrl, inline.apiKey?.reveal() ?? null, headers.sort()]);
  const digest = createHash("sha256").update(identity).digest("base64");
  const connection = { apiKey: inline.apiKey, baseUrl, headers: inline.headers, settings: {} };
  return { provider: "", kind, lease: options.pool.lease(`inline ${digest}`, "", kind, () => connection) };
}

function planTarget<C extends Capability>(input: {
  readonly target: IndexedTarget;
  readonly found: Found;
  readonly capability: C;
  readonly route: Route;
  readonly options: ResolverOptions;
}): PlannedTarget<C> {
  const { target, found, capability, route, options } = input;
  return {
    index: target.index,
    provider: found.provider,
    kind: found.kind.kind,
    model: target.model,
    voice: target.voice,
    options: { ...found.config?.defaultOptions, ...target.options },
    attemptTimeoutMs: target.attemptTimeoutMs ?? route.attemptTimeoutMs ?? options.attemptTimeoutMs,
    contextPolicy: found.config?.models.find(({ model }) => fitsPattern(target.model, model))?.contextPolicy,
    use: useOf(found, target.model, capability),
  };
}

function useOf<C extends Capability>(found: Found, model: string, capability: C): PlannedTarget<C>["use"] {
  const { config, kind } = found;
  const refuse = (skipped: boolean, message: string) => ({
    ready: false as const,
    skipped,
    error: new LivellmError("failed_precondition", "unsupported", message),
  });
  if (config?.disabled) return refuse(true, `the provider ${config.id} is disabled`);
  if (config && !isModelAllowed(model, config)) {
    return refuse(false, `the model ${model} is not allowed on the provider ${config.id}`);
  }
  const ability: Capabilities[C] = found.lease.capabilities[capability];
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
};

function kindOf(config: ProviderConfig, options: ResolverOptions): ProviderKind {
  const kind = options.providers.kind(config.kind);
  if (kind) return kind;
  const message = `the provider ${config.id} is of the kind ${config.kind}, which this server has no adapter for`;
  throw new LivellmError("failed_precondition", "unsupported", message);
}

function addressOf(baseUrl: string, kind: ProviderKind): string {
  return (baseUrl || kind.defaultBaseUrl).replace(/\/+$/, "");
}

function noSuchProvider(targets: readonly Target[], ids: readonly string[]): LivellmError {
  const names = [...new Set(targets.map(({ provider }) => `"${provider}"`))].join(", ");
  const shown = ids.slice(0, 20).join(", ");
  const more = ids.length > 20 ? ` and ${ids.length - 20} more` : "";
  return new LivellmError("not_found", "not_found", `there is no provider ${names}; there are: ${shown}${more}`);
}

function later(what: string): LivellmError {
  return new LivellmError("unimplemented", "unsupported", `${what} are not served yet; name a provider and a model`);
}
