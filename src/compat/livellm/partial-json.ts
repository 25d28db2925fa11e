/** One open bracket, and in an object whether a key comes next. */
interface Open {
  readonly closer: "}" | "]";
  key: boolean;
}

/** How far a JSON text that breaks off can be kept: up to `end`, then `tail`. */
interface Cut {
  readonly end: number;
  readonly tail: string;
}

/**
 * A JSON object that is still being written, as far as it goes: a text that breaks off is kept, a key without a value and a
 * number that may go on are left out. Undefined when there is nothing to show yet.
 */
export function completedJson(text: string): string | undefined {
  const cut = new Scanner(text).cut();
  if (!cut) return undefined;
  const candidate = text.slice(0, cut.end) + cut.tail;
  try {
    return JSON.stringify(JSON.parse(candidate));
  } catch {
    return undefined;
  }
}

class Scanner {
  readonly #text: string;
  readonly #open: Open[] = [];
  #safe: Cut | undefined;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  cut(): Cut | undefined {
    while (this.#at < this.#text.length) {
      const broken = this.#step(this.#text[this.#at] ?? "");
      if (broken) return broken;
    }
    return this.#safe;
  }

  /** Reads one token; gives the cut when the text breaks off in it. */
  #step(character: string): Cut | undefined {
    if (character === '"') return this.#string();
    this.#at += 1;
    if (character === "{" || character === "[") this.#enter(character);
    else if (character === "}" || character === "]") this.#leave();
    else if (character === ",") this.#next();
    else if (character === ":") this.#setKey(false);
    else if (/[^\s]/.test(character)) this.#word();
    return undefined;
  }

  #enter(bracket: "{" | "["): void {
    this.#open.push({ closer: bracket === "{" ? "}" : "]", key: bracket === "{" });
    this.#keep();
  }

  #leave(): void {
    this.#open.pop();
    this.#keep();
  }

  #next(): void {
    this.#setKey(this.#open.at(-1)?.closer === "}");
  }

  #setKey(key: boolean): void {
    const open = this.#open.at(-1);
    if (open) open.key = key;
  }

  #word(): void {
    while (/[\w.+-]/.test(this.#text[this.#at] ?? "")) this.#at += 1;
    // At the end of the text a number may go on.
    if (this.#at < this.#text.length) this.#keep();
  }

  #string(): Cut | undefined {
    const isKey = this.#open.at(-1)?.key === true;
    let end = this.#at + 1;
    while (end < this.#text.length && this.#text[end] !== '"') {
      const length = escapeLength(this.#text, end);
      if (end + length > this.#text.length) break;
      end += length;
    }
    if (this.#text[end] === '"') {
      this.#at = end + 1;
      if (!isKey) this.#keep();
      return undefined;
    }
    return isKey ? (this.#safe ?? { end: 0, tail: "" }) : { end, tail: `"${this.#closers()}` };
  }

  #keep(): void {
    this.#safe = { end: this.#at, tail: this.#closers() };
  }

  #closers(): string {
    return this.#open
      .map(({ closer }) => closer)
      .reverse()
      .join("");
  }
}

function escapeLength(text: string, at: number): number {
  if (text[at] !== "\\") return 1;
  return text[at + 1] === "u" ? 6 : 2;
}
