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

/** Repeats a change that failed with one of these codes, which mean only that another caller was faster. */
export async function repeatWhenOvertaken<Result>(
  codes: readonly ErrorCode[],
  change: () => Promise<Result>,
): Promise<Result> {
  for (let tries = 1; ; tries++) {
    try {
      return await change();
    } catch (error) {
      const overtaken = error instanceof LivellmError && codes.includes(error.code);
      if (!overtaken || tries === maxTries) throw error;
    }
  }
}
