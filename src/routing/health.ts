import { LivellmError } from "../core/error.ts";
import { type BreakerSettings, CircuitBreaker, usualBreaker } from "./circuit-breaker.ts";
import { type Clock, steadyClock } from "./clock.ts";
import { speaksOfOutage, toFailure } from "./failure.ts";
import { type HealthReport, readHealth, type Sample, typicalLatency } from "./health-status.ts";
import { type BudgetSettings, RetryBudget, usualBudget } from "./retry-budget.ts";

export interface HealthSettings {
  readonly clock: Clock;
  readonly breaker: BreakerSettings;
  readonly budget: BudgetSettings;
  /** Makes breakers that go along with those of other processes; each is this process's own when unset. */
  readonly board?: { create(name: string): CircuitBreaker } | undefined;
}

/** Which provider: a changed one begins anew. */
export interface ProviderVersion {
  readonly id: string;
  readonly revision: string;
}

/** What a call that wants to begin is to be judged by. */
export interface CallWish {
  /** Nobody else can be tried any more: it is called in spite of what is known. */
  readonly only: boolean;
  /** The same call has tried this provider before. */
  readonly again: boolean;
}

/** How something that was asked of a provider ended: an answer, and how long it took, or a failure. */
export type Outcome = { readonly latencyMs: number } | { readonly error: LivellmError };

/** One call under way, which tells what becomes of it. The first of `failed`, `succeeded` and `left` counts. */
export interface CallWatch {
  /** It has begun to answer. */
  answered(latencyMs: number): void;
  failed(error: LivellmError): void;
  succeeded(): void;
  /** The caller went away, or another target was faster: nothing is learnt. */
  left(): void;
}

/** The health of what a target names. */
export interface TargetHealth {
  /** A call begins; or the reason why this target is skipped. */
  enter(wish: CallWish): CallWatch | LivellmError;
}

/** Enough for every configured provider, and the models that are in use of each. */
const maxProviders = 512;
const maxModels = 256;
const maxSamples = 32;

interface ModelHealth {
  readonly breaker: CircuitBreaker;
  /** The newest last. */
  readonly samples: Sample[];
}

interface ProviderHealth {
  readonly revision: string;
  readonly budget: RetryBudget;
  readonly models: Map<string, ModelHealth>;
}

/** What the calls of the last minutes have shown, by provider and model, and who may be called because of it. */
export class HealthMemory {
  readonly #settings: HealthSettings;
  readonly #providers = new Map<string, ProviderHealth>();

  constructor(settings: Partial<HealthSettings> = {}) {
    this.#settings = { clock: steadyClock, breaker: usualBreaker, budget: usualBudget, ...settings };
  }

  /** For a target of a plan. */
  target(provider: ProviderVersion, model: string): TargetHealth {
    return { enter: (wish) => this.#enter(provider, model, wish) };
  }

  /** How a provider is doing, all its models together, or one of them. */
  report(provider: ProviderVersion, model?: string): HealthReport {
    return readHealth(this.#samples(provider, model), this.#settings.clock());
  }

  /** Whether calls are kept from a model at the moment. */
  isAvoided({ id, revision }: ProviderVersion, model: string): boolean {
    const known = this.#providers.get(id);
    const breaker = known?.revision === revision ? known.models.get(model)?.breaker : undefined;
    return breaker?.mayCall(this.#settings.clock()) === "no";
  }

  /** Whether calls are kept from the models at the moment, one by one. */
  *avoided(): Generator<{ readonly provider: string; readonly model: string; readonly avoided: boolean }> {
    const nowMs = this.#settings.clock();
    for (const [provider, { models }] of this.#providers) {
      for (const [model, { breaker }] of models) {
        if (model !== "") yield { provider, model, avoided: breaker.mayCall(nowMs) === "no" };
      }
    }
  }

  /** How long a model usually takes to begin its answer, in milliseconds; undefined when it has not answered of late. */
  latencyMs(provider: ProviderVersion, model: string): number | undefined {
    return typicalLatency(this.#samples(provider, model), this.#settings.clock());
  }

  /** Something besides a call has shown how a provider is doing. */
  observe(provider: ProviderVersion, outcome: Outcome): void {
    this.#add(this.#model(provider, ""), outcome);
  }

  /** The clock that everything here is told by. */
  now(): number {
    return this.#settings.clock();
  }

  #enter(provider: ProviderVersion, model: string, { only, again }: CallWish): CallWatch | LivellmError {
    const { clock } = this.#settings;
    const { budget } = this.#provider(provider);
    const known = this.#model(provider, model);
    const may = known.breaker.mayCall(clock());
    const isProbe = may === "probe" && known.breaker.claimProbe(clock());
    if (may !== "yes" && !isProbe && !only) {
      return avoided(`${provider.id}/${model}`, known.breaker.openUntil - clock());
    }
    if (!again) budget.countFirst(clock());
    else if (!budget.takeFurther(clock())) return budgetSpent(provider.id, this.#settings.budget);
    if (isProbe) known.breaker.beginProbe();
    return this.#watch(known, isProbe);
  }

  #watch(known: ModelHealth, isProbe: boolean): CallWatch {
    const { breaker } = known;
    let over = false;
    const once = (end: () => void) => {
      if (!over) end();
      over = true;
    };
    return {
      answered: (latencyMs) => {
        breaker.answered();
        this.#add(known, { latencyMs });
      },
      failed: (error) => once(() => this.#failed(known, error, isProbe)),
      succeeded: () => once(() => breaker.succeeded()),
      left: () => once(() => isProbe && breaker.dropProbe()),
    };
  }

  #failed(known: ModelHealth, error: LivellmError, isProbe: boolean): void {
    if (speaksOfOutage(error)) known.breaker.failed(this.#settings.clock(), isProbe, error.facts.retryAfterMs);
    else if (isProbe) known.breaker.dropProbe();
    this.#add(known, { error });
  }

  /** A request that was refused for what is in it says nothing; a key that is refused says a lot. */
  #add(known: ModelHealth, outcome: Outcome): void {
    const atMs = this.#settings.clock();
    if (!("error" in outcome)) this.#keep(known, { atMs, latencyMs: outcome.latencyMs });
    else if (speaksOfOutage(outcome.error) || outcome.error.reason === "provider_auth") {
      this.#keep(known, { atMs, failure: toFailure(outcome.error) });
    }
  }

  #keep(known: ModelHealth, sample: Sample): void {
    if (known.samples.length >= maxSamples) known.samples.shift();
    known.samples.push(sample);
  }

  #samples({ id, revision }: ProviderVersion, model: string | undefined): readonly Sample[] {
    const known = this.#providers.get(id);
    if (known?.revision !== revision) return [];
    if (model !== undefined) return known.models.get(model)?.samples ?? [];
    return [...known.models.values()].flatMap(({ samples }) => samples);
  }

  #provider({ id, revision }: ProviderVersion): ProviderHealth {
    const known = this.#providers.get(id);
    const provider =
      known?.revision === revision
        ? known
        : { revision, budget: new RetryBudget(this.#settings.budget), models: new Map<string, ModelHealth>() };
    return keepNewest(this.#providers, id, provider, maxProviders);
  }

  #model(provider: ProviderVersion, model: string): ModelHealth {
    const { models } = this.#provider(provider);
    const known = models.get(model) ?? { breaker: this.#createBreaker(provider, model), samples: [] };
    return keepNewest(models, model, known, maxModels);
  }

  #createBreaker({ id, revision }: ProviderVersion, model: string): CircuitBreaker {
    const { board, breaker } = this.#settings;
    return board?.create(JSON.stringify([id, revision, model])) ?? new CircuitBreaker(breaker);
  }
}

/** Puts a value at the end of a map, and drops what was not used for longest. */
function keepNewest<Value>(map: Map<string, Value>, key: string, value: Value, most: number): Value {
  map.delete(key);
  map.set(key, value);
  if (map.size <= most) return value;
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
  return value;
}

function avoided(name: string, restMs: number): LivellmError {
  const retryAfterMs = Math.max(Math.ceil(restMs), 0);
  const when = retryAfterMs > 0 ? `is left alone for another ${(retryAfterMs / 1000).toFixed(1)} s` : "is being probed";
  return new LivellmError(
    "unavailable",
    "provider_unavailable",
    `${name} has failed too often in a row, and ${when}`,
    retryAfterMs > 0 ? { retryAfterMs } : {},
  );
}

function budgetSpent(provider: string, { windowMs }: BudgetSettings): LivellmError {
  const message = `the provider ${provider} was tried again too often in the last ${windowMs / 1000} s`;
  return new LivellmError("unavailable", "provider_unavailable", message);
}
