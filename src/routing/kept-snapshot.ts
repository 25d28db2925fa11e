/** What a store held when it was last seen, and that laid over the configured ones, sorted by name. */
export class KeptSnapshot<Resource> {
  readonly #nameOf: (resource: Resource) => string;
  readonly #configured: readonly Resource[];
  #stored: ReadonlyMap<string, Resource>;
  #merged: ReadonlyMap<string, Resource>;
  #version = 0;

  constructor(configured: readonly Resource[], stored: readonly Resource[], nameOf: (resource: Resource) => string) {
    this.#nameOf = nameOf;
    this.#configured = configured;
    this.#stored = this.#byName(stored);
    this.#merged = this.#merge();
  }

  /** The stored ones. */
  get stored(): ReadonlyMap<string, Resource> {
    return this.#stored;
  }

  /** All of them, a stored one in front of a configured one with its name. */
  get merged(): ReadonlyMap<string, Resource> {
    return this.#merged;
  }

  /** Changes with every change. */
  get version(): number {
    return this.#version;
  }

  replace(stored: ReadonlyMap<string, Resource>): void {
    this.#stored = stored;
    this.#merged = this.#merge();
    this.#version++;
  }

  put(resource: Resource): void {
    this.replace(new Map(this.#stored).set(this.#nameOf(resource), resource));
  }

  remove(name: string): void {
    this.replace(new Map([...this.#stored].filter(([key]) => key !== name)));
  }

  #merge(): ReadonlyMap<string, Resource> {
    const all = new Map([...this.#byName(this.#configured), ...this.#stored]);
    // By code unit, as the pages of a list compare them.
    return new Map([...all].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  #byName(resources: readonly Resource[]): ReadonlyMap<string, Resource> {
    return new Map(resources.map((resource) => [this.#nameOf(resource), resource]));
  }
}
