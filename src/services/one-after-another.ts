import { type ErrorCode, LivellmError } from "../core/error.ts";

/** Runs one change after the other: callers of this server that change the same thing at once need not be refused. */
export function createQueue(): <Result>(change: () => Promise<Result>) => Promise<Result> {
  let last: Promise<unknown> = Promise.resolve();
  return (change) => {
    const result = last.then(change);
    last = result.catch(() => undefined); // it is told to its own caller
    return result;
  };
}

/** Other servers on the same store may still come in between. */
const maxTries = 5;

/** What a request says of the state that it changes or removes. */
interface Change {
  /** Of the state it is meant for; any when empty. */
  readonly etag?: string;
  /** Whether it may find nothing there. */
  readonly allowMissing?: boolean;
}

/**
 * Repeats a change that failed only because another caller was faster, so that it goes on top of that one's; with an etag it
 * is meant for one state alone.
 */
export async function repeatWhenOvertaken<Result>(asked: Change, change: () => Promise<Result>): Promise<Result> {
  const codes = overtakenCodes(asked);
  for (let tries = 1; ; tries++) {
    try {
      return await change();
    } catch (error) {
      const overtaken = error instanceof LivellmError && codes.includes(error.code);
      if (!overtaken || tries === maxTries) throw error;
    }
  }
}

function overtakenCodes({ etag, allowMissing }: Change): readonly ErrorCode[] {
  return [...(etag ? [] : ["aborted" as const]), ...(allowMissing ? (["already_exists", "not_found"] as const) : [])];
}
