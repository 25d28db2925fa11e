import type { IncomingHttpHeaders } from "node:http2";

/**
 * The metadata of a call in the shape of the web's `Headers`, on the headers as node has them: what is asked for is looked up there, and
 * copied only when something is changed. The web's own `Headers` were 5 % of a unary call when it was profiled, most of it
 * spent on checking names and values that node has checked, or will check when it sends them.
 */
export class Metadata implements Headers {
  #values: Readonly<Record<string, string | readonly string[] | undefined>>;
  #isOwn: boolean;

  /** Names are in lower case; HTTP/2's pseudo headers are left out. */
  constructor(received?: IncomingHttpHeaders) {
    this.#values = received ?? Object.create(null);
    this.#isOwn = received === undefined;
  }

  get(name: string): string | null {
    return joined(this.#values[name.toLowerCase()]) ?? null;
  }

  has(name: string): boolean {
    return joined(this.#values[name.toLowerCase()]) !== undefined;
  }

  getSetCookie(): string[] {
    return [this.#values["set-cookie"] ?? []].flat();
  }

  set(name: string, value: string): void {
    this.#own()[name.toLowerCase()] = String(value).trim();
  }

  append(name: string, value: string): void {
    const before = this.has(name) ? [this.#values[name.toLowerCase()] ?? []].flat() : [];
    this.#own()[name.toLowerCase()] = [...before, String(value).trim()];
  }

  delete(name: string): void {
    if (this.has(name)) delete this.#own()[name.toLowerCase()];
  }

  forEach(callback: (value: string, name: string, parent: Headers) => void, thisArgument?: unknown): void {
    for (const [name, value] of this) callback.call(thisArgument, value, name, this);
  }

  *entries(): Generator<[string, string], undefined> {
    for (const name in this.#values) {
      const value = this.#values[name];
      if (value === undefined || name.startsWith(":")) continue;
      if (name !== "set-cookie") yield [name, joined(value) ?? ""];
      else for (const cookie of this.getSetCookie()) yield [name, cookie];
    }
  }

  *keys(): Generator<string, undefined> {
    for (const [name] of this) yield name;
  }

  *values(): Generator<string, undefined> {
    for (const [, value] of this) yield value;
  }

  [Symbol.iterator](): Generator<[string, string], undefined> {
    return this.entries();
  }

  #own(): Record<string, string | readonly string[] | undefined> {
    if (!this.#isOwn) this.#values = Object.assign(Object.create(null), this.#values);
    this.#isOwn = true;
    return this.#values as Record<string, string | readonly string[] | undefined>;
  }
}

/** Undefined for what a plain object has from its prototype, too. */
function joined(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  return Array.isArray(value) ? value.join(", ") : undefined;
}
