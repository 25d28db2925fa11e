/** How much of a text was heard wrongly: words put in, left out or changed, and how many there were. */
export function wordErrors(said: string, heard: string): { readonly errors: number; readonly words: number } {
  const [a, b] = [wordsOf(said), wordsOf(heard)];
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (const [i, word] of a.entries()) {
    const next = [i + 1];
    for (const [j, other] of b.entries()) {
      next.push(Math.min((row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1, (row[j] ?? 0) + (word === other ? 0 : 1)));
    }
    row = next;
  }
  return { errors: row.at(-1) ?? 0, words: a.length };
}

/** Without case and punctuation; "4,721" is "4721", and "to-morrow" is "tomorrow". */
function wordsOf(text: string): readonly string[] {
  return (
    text
      .toLowerCase()
      .replace(/(\d),(?=\d)|-/g, "$1")
      .match(/[a-z0-9']+/g) ?? []
  );
}
