import { type ChatFault, chatFaults } from "./chat-faults.ts";
import { type ChatWire, chatWires } from "./chat-wires.ts";
import type { Injection } from "./injection.ts";
import { createRandom, shuffled } from "./random.ts";

/** One fault of one kind, seen through one face, alone or with a target that comes after it. */
export interface ChatFaultCase {
  /** Says what it is; with the seed it can be run again. */
  readonly name: string;
  readonly fault: ChatFault;
  readonly wire: ChatWire;
  readonly face: string;
  readonly hasNext: boolean;
  readonly injection: Injection;
}

/**
 * So many cases of the whole product fault × kind × face × (alone, with a next target), in an order of the seed's; the
 * product is gone through again, with other places to cut, when more are asked for than it has.
 */
export function chatFaultCases(count: number, seed: number, faces: readonly string[]): readonly ChatFaultCase[] {
  const cases: ChatFaultCase[] = [];
  for (let round = 0; cases.length < count; round++) {
    const random = createRandom(seed + round);
    cases.push(...shuffled(product(round, seed, faces), random));
  }
  return cases.slice(0, count);
}

function product(round: number, seed: number, faces: readonly string[]): readonly ChatFaultCase[] {
  return chatFaults.flatMap((fault, i) =>
    chatWires.flatMap((wire, j) =>
      faces.flatMap((face, k) =>
        [false, true].flatMap((hasNext) => {
          const random = createRandom(seed * 7919 + round * 104_729 + i * 1_301 + j * 97 + k * 2 + Number(hasNext));
          const injection = fault.inject(wire, random);
          const name = [fault.name, wire.kind, face, hasNext ? "with a next target" : "alone", `round ${round}`].join(
            " / ",
          );
          return injection ? [{ name, fault, wire, face, hasNext, injection }] : [];
        }),
      ),
    ),
  );
}
