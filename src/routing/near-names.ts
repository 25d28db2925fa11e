/** The names that are most like `name`, the nearest first: what was probably meant. */
export function nearNames(name: string, names: readonly string[], most = 3): readonly string[] {
  const wanted = name.toLowerCase().slice(0, longest);
  return [...new Set(names)]
    .map((candidate) => ({ candidate, distance: distanceTo(candidate.toLowerCase().slice(0, longest), wanted) }))
    .filter(({ distance }) => distance <= Math.max(2, wanted.length * 0.4))
    .sort((a, b) => a.distance - b.distance || (a.candidate < b.candidate ? -1 : 1))
    .slice(0, most)
    .map(({ candidate }) => candidate);
}

/** The work grows with the product of the lengths. */
const longest = 64;

/** A name that the other begins with is near, whatever follows. */
function distanceTo(candidate: string, wanted: string): number {
  if (candidate.startsWith(wanted) || wanted.startsWith(candidate)) return 1;
  return editDistance(candidate, wanted);
}

/** Levenshtein's: how many characters have to be put in, taken out or changed. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (const [i, character] of [...a].entries()) row = nextRow(row, i + 1, character, b);
  return row.at(-1) ?? 0;
}

function nextRow(row: readonly number[], first: number, character: string, b: string): number[] {
  const next = [first];
  for (let j = 1; j <= b.length; j++) {
    const changed = (row[j - 1] ?? 0) + (b[j - 1] === character ? 0 : 1);
    next.push(Math.min(changed, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
  }
  return next;
}
