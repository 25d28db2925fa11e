import type { Eventually, OpenBreaker, SharedBreakers, SharedCalls, SharedRates } from "../core/shared-state.ts";
import { Circuit } from "./circuit.ts";
import { KeptHolds } from "./kept-holds.ts";
import { MemoryState } from "./memory-state.ts";
import type { StateDriver } from "./state-driver.ts";

/** What the processes that count together share. */
export interface SharedState {
  readonly rates: SharedRates;
  /** Undefined for a process that counts alone, as are the breakers. */
  readonly calls?: SharedCalls;
  readonly breakers?: SharedBreakers;
  /** Whether others count along at the moment. Undefined for a process that has no others. */
  readonly connected?: () => boolean;
  close(): Promise<void>;
}

/** For a process that has no others. */
export function createLocalState(): SharedState {
  return { rates: new MemoryState().as("here"), close: async () => undefined };
}

export interface SharedStateOptions {
  /** What has the counts, and may be away; `onLost` is to be told when that is known. */
  readonly remote: (onLost: (reason: string) => void) => StateDriver;
  /** How long what is said of calls under way holds. */
  readonly leaseMs: number;
  /** This process counts for itself from now on, and why. */
  readonly onLost: (reason: unknown) => void;
  readonly onConnected: () => void;
}

/** An answer from the same data centre takes about a millisecond. */
const timeoutMs = 25;
const failures = 3;
const reviveEveryMs = 500;

/**
 * Counts elsewhere as long as that answers, and here as soon as it does not: no call fails for it, and none waits for longer
 * than an answer may take. What is counted elsewhere is counted here too, so that a process that is left alone knows what it
 * has let through in the last minute. Resolves when the first connection is there, or cannot be had.
 */
export async function createSharedState(options: SharedStateOptions): Promise<SharedState> {
  const local = new MemoryState().as("here");
  const remote = options.remote((reason) => circuit.open(new Error(reason)));
  const holds = new KeptHolds(options.leaseMs, (caller, calls) => tell(() => remote.holding(caller, calls)));
  const circuit = new Circuit({
    timeoutMs,
    failures,
    reviveEveryMs,
    revive: () => remote.revive(),
    onOpen: options.onLost,
    onClosed: () => {
      options.onConnected();
      holds.tellAll();
    },
  });
  const ask = <Answer>(question: () => Eventually<Answer>, otherwise: () => Answer): Eventually<Answer> =>
    circuit.closed ? circuit.ask(question).catch(otherwise) : otherwise();
  const tell = (question: () => Eventually<void>): void => void ask(question, ignore);

  await circuit.begin();
  return {
    rates: {
      take(bearer, limits) {
        const here = () => local.take(bearer, limits);
        if (!circuit.closed) return here();
        const there = circuit.ask(() => remote.take(bearer, limits));
        return there.then((refusal) => refusal ?? local.take(bearer, {}), here);
      },
      spend(bearer, tokens) {
        local.spend(bearer, tokens);
        tell(() => remote.spend(bearer, tokens));
      },
    },
    calls: {
      hold(caller, calls, most) {
        holds.note(caller, calls);
        return ask(
          () => remote.hold(caller, calls, most),
          () => calls <= most,
        );
      },
      holding(caller, calls) {
        holds.note(caller, calls);
        tell(() => remote.holding(caller, calls));
      },
    },
    breakers: {
      list: () => ask<readonly OpenBreaker[] | undefined>(() => remote.openBreakers(), ignore),
      open: (breaker) => tell(() => remote.openBreaker(breaker)),
      close: (name) => tell(() => remote.closeBreaker(name)),
      claimProbe: (name) => ask(() => remote.claimProbe(name), always),
    },
    connected: () => circuit.closed,
    async close() {
      circuit[Symbol.dispose]();
      holds[Symbol.dispose]();
      await remote.close();
    },
  };
}

function ignore(): undefined {}

function always(): boolean {
  return true;
}
