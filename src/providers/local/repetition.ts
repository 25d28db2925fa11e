/** Longer ones have not been seen. */
const longestPhrase = 8;

/** Nobody says the same so often in a row, and a number has no more zeros. */
const mostTimes = 6;

/**
 * Where a model that has begun to repeat itself should have stopped: behind the first of six equal phrases at the end.
 * A model does so when the audio is cut in the middle of a word. Undefined when it has not.
 */
export function endOfRepetition(tokens: readonly number[]): number | undefined {
  for (let length = 1; length <= longestPhrase; length++) {
    const start = tokens.length - length * mostTimes;
    if (start >= 0 && isPeriodic(tokens.slice(start), length)) return start + length;
  }
  return undefined;
}

function isPeriodic(tokens: readonly number[], length: number): boolean {
  return tokens.every((token, i) => token === tokens[i % length]);
}
