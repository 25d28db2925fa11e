/** A source of numbers that gives the same ones for the same seed, so that a case can be run again. */
export interface Random {
  /** From 0 up to, and without, `below`. */
  whole(below: number): number;
  pick<T>(items: readonly T[]): T;
  bytes(count: number): Buffer;
}

/** A linear congruential generator with Knuth's constants for 32 bits; its upper half is what counts. */
export function createRandom(seed: number): Random {
  let state = (Math.imul(seed, 2_654_435_761) ^ 0x5bd1e995) >>> 0;
  const next = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 8;
  };
  const whole = (below: number) => next() % Math.max(1, below);
  return {
    whole,
    pick<T>(items: readonly T[]): T {
      const item = items[whole(items.length)];
      if (item === undefined) throw new Error("there is nothing to pick from");
      return item;
    },
    bytes: (count) => Buffer.from(Array.from({ length: count }, () => whole(256))),
  };
}

/** The same items in another order. */
export function shuffled<T>(items: readonly T[], random: Random): readonly T[] {
  const all = [...items];
  for (let i = all.length - 1; i > 0; i--) {
    const j = random.whole(i + 1);
    [all[i], all[j]] = [all[j] as T, all[i] as T];
  }
  return all;
}
