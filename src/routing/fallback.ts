import type { Capability } from "../core/provider.ts";
import { type Batched, batched } from "../streams/batches.ts";
import type { AttemptCall } from "./attempt.ts";
import type { FallbackEvent } from "./fallback-event.ts";
import type { Plan } from "./plan.ts";
import { Race } from "./race.ts";

/**
 * Tries the targets of a plan, in order or racing, until one commits, and then relays it; every capability falls back through
 * here. Before the commit the next target takes over; after it a failure ends the call with what was tried. Throws the
 * failures' common code when all fail, else `unavailable`, with one attempt each.
 */
export function withFallback<C extends Capability, T>(
  plan: Plan<C>,
  call: AttemptCall<C, T>,
  signal: AbortSignal,
): Batched<FallbackEvent<C, T>> {
  return batched({ [Symbol.asyncIterator]: () => new Relay(new Race(plan, call, signal)) });
}

type Relayed<C extends Capability, T> = IteratorResult<readonly FallbackEvent<C, T>[], undefined>;

/** What becomes of a race, and then its winner's output. Not a generator, for what streams/tap.ts says of them. */
class Relay<C extends Capability, T> implements AsyncIterator<readonly FallbackEvent<C, T>[], undefined> {
  readonly #race: Race<C, T>;
  #over = false;

  constructor(race: Race<C, T>) {
    this.#race = race;
  }

  next(): Promise<Relayed<C, T>> {
    if (this.#over) return Promise.resolve({ done: true, value: undefined });
    const { winner } = this.#race;
    return winner ? winner.output().then(this.#told, this.#broken) : this.#untilNews();
  }

  async return(): Promise<Relayed<C, T>> {
    await this.#stop();
    return { done: true, value: undefined };
  }

  async #untilNews(): Promise<Relayed<C, T>> {
    const race = this.#race;
    try {
      while (!race.winner) {
        race.startDue();
        if (race.news.length > 0) return { done: false, value: race.takeNews() };
        await race.settleNext();
      }
    } catch (error) {
      await this.#stop();
      throw error;
    }
    return this.next();
  }

  readonly #told = (outputs: readonly T[] | undefined): Relayed<C, T> | Promise<Relayed<C, T>> => {
    if (!outputs) return this.return();
    try {
      return { done: false, value: this.#race.relay(outputs) };
    } catch (error) {
      return this.#broken(error);
    }
  };

  readonly #broken = async (error: unknown): Promise<never> => {
    const { winner } = this.#race;
    const broken = winner && !this.#over ? this.#race.brokenAfterCommit(winner, error) : error;
    await this.#stop();
    throw broken;
  };

  async #stop(): Promise<void> {
    if (this.#over) return;
    this.#over = true;
    await this.#race.stop();
  }
}
