import type { Reader } from "./readers.ts";

/** One environment variable: what it is for, as docs/configuration.md says it, and how it is read. */
export interface Variable<T> {
  readonly description: string;
  /** As it would be written in the environment; empty for "not set". */
  readonly default: string;
  readonly read: Reader<T>;
}

/** Variables by their names. */
export type Variables = Readonly<Record<string, Variable<unknown>>>;
