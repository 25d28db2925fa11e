import { LivellmError } from "../core/error.ts";
import type { ListedModel, Models } from "../core/models.ts";
import { linkedController, untilAborted } from "../streams/signals.ts";
import type { Clock } from "./clock.ts";

/** How lists of models are kept; all times in milliseconds. */
export interface ListingSettings {
  /** A list that is older is asked for again, while the old one still serves. */
  readonly freshMs: number;
  /** After a failure, or for a model that is on no list, a provider is not asked again before this. */
  readonly patienceMs: number;
  /** How long a provider may take. */
  readonly timeoutMs: number;
}

export const usualListing: ListingSettings = { freshMs: 300_000, patienceMs: 30_000, timeoutMs: 5_000 };

/** What a provider has last said of its models. */
export interface Listing {
  /** Undefined until it has listed them once. */
  readonly models?: readonly ListedModel[];
  /** Why it did not, the last time it was asked. */
  readonly failure?: LivellmError;
}

export interface ProviderListingOptions extends ListingSettings {
  readonly provider: string;
  readonly clock: Clock;
  /** Asks the provider. */
  readonly ask: Models["list"];
}

/** More is not a list of models. */
const maxModels = 20_000;

/** The list of one provider's models: asked for once at a time, kept, and renewed in the background. */
export class ProviderListing {
  readonly #options: ProviderListingOptions;
  readonly #closing = new AbortController();
  #state: Listing = {};
  #askedAtMs = Number.NEGATIVE_INFINITY;
  #pending: Promise<void> | undefined;

  constructor(options: ProviderListingOptions) {
    this.#options = options;
  }

  /** What is known at this moment. */
  get current(): Listing {
    return this.#state;
  }

  /** What is known; waits only where nothing is, and then no longer than the timeout. */
  async get(signal: AbortSignal): Promise<Listing> {
    const { freshMs, patienceMs } = this.#options;
    const ageMs = this.#options.clock() - this.#askedAtMs;
    const pending = ageMs > (this.#state.failure ? patienceMs : freshMs) ? this.#ask() : this.#pending;
    if (pending && !this.#state.models && !this.#state.failure) await orAborted(pending, signal);
    return this.#state;
  }

  /** Asks again, unless that was done a moment ago, and waits. */
  async renew(signal: AbortSignal): Promise<Listing> {
    const recent = this.#options.clock() - this.#askedAtMs <= this.#options.patienceMs;
    const pending = recent ? this.#pending : this.#ask();
    if (pending) await orAborted(pending, signal);
    return this.#state;
  }

  close(): void {
    this.#closing.abort(closed);
  }

  /** Never rejects. */
  #ask(): Promise<void> {
    this.#pending ??= this.#list().finally(() => {
      this.#pending = undefined;
    });
    return this.#pending;
  }

  async #list(): Promise<void> {
    this.#askedAtMs = this.#options.clock();
    try {
      this.#state = { models: (await askWithin(this.#options, this.#closing.signal)).slice(0, maxModels) };
    } catch (error) {
      const failure = error instanceof LivellmError ? error : unexpected(this.#options.provider, error);
      this.#state = { ...this.#state, failure };
    }
  }
}

/** Asks a provider for its models. Throws `unavailable` when that takes longer than the timeout. */
export async function askWithin(
  { ask, provider, timeoutMs }: Pick<ProviderListingOptions, "ask" | "provider" | "timeoutMs">,
  signal: AbortSignal,
): Promise<readonly ListedModel[]> {
  using controller = linkedController(signal);
  const timer = setTimeout(() => controller.abort(tooSlow(provider, timeoutMs)), timeoutMs);
  try {
    return await Promise.race([ask(controller.signal), untilAborted(controller.signal)]);
  } catch (error) {
    throw controller.signal.aborted ? controller.signal.reason : error;
  } finally {
    clearTimeout(timer);
  }
}

/** Rejects when the signal aborts, which the work itself does not notice. */
async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  using controller = linkedController(signal);
  return await Promise.race([work, untilAborted(controller.signal)]);
}

const closed = new LivellmError("unavailable", "cancelled", "the server is shutting down");

function tooSlow(provider: string, timeoutMs: number): LivellmError {
  const message = `the provider ${provider} did not list its models within ${timeoutMs / 1000} s`;
  return new LivellmError("unavailable", "timeout", message);
}

function unexpected(provider: string, cause: unknown): LivellmError {
  const message = `the models of the provider ${provider} could not be listed`;
  return new LivellmError("internal", "internal", message, { cause });
}
