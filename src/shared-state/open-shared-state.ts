import { randomId } from "../core/random-id.ts";
import type { Secret } from "../core/secret.ts";
import { createLocalState, createSharedState, type SharedState } from "./shared-state.ts";
import { createAskedState, type StateQuestion } from "./state-questions.ts";

export interface SharedStateSources {
  /** A Redis server, for all replicas. */
  readonly redisUrl?: Secret;
  readonly redisPrefix: string;
  readonly leaseMs: number;
  /** The process that has the counts of all workers of one server. */
  readonly ask?: (question: StateQuestion) => Promise<unknown>;
  readonly log: { info(message: string): void; warn(message: string): void };
}

/**
 * What this process counts together with others: in Redis where there is one, else at the supervisor's where it is a worker,
 * else alone. Never throws: what cannot be reached is said in the log, and looked for until it is there.
 */
export async function openSharedState(sources: SharedStateSources): Promise<SharedState> {
  const { redisUrl, redisPrefix, leaseMs, ask, log } = sources;
  if (redisUrl) {
    // Loaded where it is needed: it holds 28 MB.
    const { RedisState, reasonOf } = await import("./redis-state.ts");
    const holder = randomId("process");
    return await createSharedState({
      remote: (onLost) => new RedisState({ url: redisUrl, prefix: redisPrefix, holder, leaseMs, onLost }),
      leaseMs,
      onLost: (reason) => log.warn(`Redis cannot be used (${reasonOf(reason)}): ${alone}`),
      onConnected: () => log.info("Redis counts callers' limits for all replicas"),
    });
  }
  if (!ask) return createLocalState();
  return await createSharedState({
    remote: () => createAskedState(ask),
    leaseMs,
    onLost: () => log.warn(`the supervisor does not answer: ${alone}`),
    onConnected: () => undefined,
  });
}

const alone = "until it can be, this process counts callers' limits for itself";
