/** A text in the forms that it may come in: as it is, in base64 at each of the three offsets, percent-encoded. */
function formsOf(text: string): readonly string[] {
  const offsets = [0, 1, 2].map((offset) => {
    const encoded = Buffer.from(" ".repeat(offset) + text).toString("base64");
    return encoded.slice(offset === 0 ? 0 : 4, -4);
  });
  return [text, ...offsets, encodeURIComponent(text)];
}

/** The names of those that are in a text, in whatever form. */
export function canariesIn(text: string, canaries: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(canaries).flatMap(([name, value]) =>
    formsOf(value).some((form) => text.includes(form)) ? [name] : [],
  );
}
