import { isDeepStrictEqual } from "node:util";
import { type Branch, either, list, number, object, oneOf, type Reader, withDefault } from "../schema.ts";

/** One or more requests, one of which is to be answered. A single request is a list of one without a time limit. */
export interface Alternatives<T> {
  readonly requests: readonly T[];
  readonly parallel: boolean;
  /** How long one of them may take, in seconds; fractions are taken, too. */
  readonly timeoutSeconds?: number;
}

/** A request, or a fallback request around several. The second wins when a body is both, as it does with livellm. */
export function alternatives<T>(single: Branch<T>, fallbackName: string): Reader<Alternatives<T>> {
  const several = object({
    requests: withList(single.read),
    strategy: withDefault(oneOf(["sequential", "parallel"]), () => "sequential" as const),
    timeout_per_request: withDefault(number({ gt: 0, le: 3600 }), () => 360),
  });
  const read = either(single, { name: fallbackName, read: several });
  return (value, at) => {
    const result = read(value, at);
    if (typeof result === "symbol") return result;
    if ("first" in result) return { requests: [result.first], parallel: false };
    const { requests, strategy, timeout_per_request } = result.second;
    return { requests, parallel: strategy === "parallel", timeoutSeconds: timeout_per_request };
  };
}

/** At least one request. */
export type Group<T> = readonly [T, ...T[]];

/** Neighbours that have the same content: they differ in where they go alone, and are one call with a target for each. */
export function grouped<T>(requests: readonly T[], contentOf: (request: T) => object): readonly Group<T>[] {
  const groups: [T, ...T[]][] = [];
  for (const request of requests) {
    const last = groups.at(-1);
    if (last && isDeepStrictEqual(contentOf(last[0]), contentOf(request))) last.push(request);
    else groups.push([request]);
  }
  return groups;
}

function withList<T>(read: Reader<T>) {
  return { read: list(read) };
}
