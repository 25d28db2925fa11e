/** A worker that lived so long did not die of its start. */
const quietMs = 60_000;
const firstPauseMs = 500;
const longestPauseMs = 30_000;

/** How many times in a row a worker has died young, now that one has lived for so long. */
export function crashesInRow(before: number, lifeMs: number): number {
  return lifeMs >= quietMs ? 1 : before + 1;
}

/** How long its place stays empty: not at all at first, then 0.5 s, 1 s, 2 s, … up to half a minute. */
export function restartPauseMs(crashes: number): number {
  return crashes <= 1 ? 0 : Math.min(firstPauseMs * 2 ** (crashes - 2), longestPauseMs);
}
