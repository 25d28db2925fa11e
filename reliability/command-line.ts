/** The number after `--name`, or this one. Throws for what is no number. */
export function numberFlag(name: string, otherwise: number): number {
  const text = textFlag(name);
  if (text === undefined) return otherwise;
  const number = Number(text);
  if (Number.isFinite(number) && number >= 0) return number;
  throw new Error(`--${name} takes a number, and not ${text}`);
}

/** What follows `--name`, or `--name=`. */
export function textFlag(name: string): string | undefined {
  const words = process.argv;
  const at = words.indexOf(`--${name}`);
  if (at >= 0) return words[at + 1];
  return words.find((word) => word.startsWith(`--${name}=`))?.slice(name.length + 3);
}

/** Says on the error stream how far it has come; the table alone goes to the output. */
export function say(what: string): void {
  process.stderr.write(`${(performance.now() / 1000).toFixed(0).padStart(5)} s  ${what}\n`);
}
