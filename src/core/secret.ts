const hidden = "[secret]";

/**
 * A string that must not be printed. It reads as `[secret]` in templates, JSON, logs and the inspector; only `reveal()`
 * gives the value, and only `upstream/`, the adapters' header functions and the store's sealing call it.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return hidden;
  }

  toJSON(): string {
    return hidden;
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return hidden;
  }
}

/**
 * What a key looks like, enough to tell two apart: `sk-…9f3a`. A key of under 12 characters shows nothing but `…`.
 */
export function obfuscate(secret: Secret): string {
  const value = secret.reveal();
  if (value === "") return "";
  return value.length < 12 ? "…" : `${value.slice(0, 3)}…${value.slice(-4)}`;
}
