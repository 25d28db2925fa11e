/** Those who want to be told of something. */
export interface Listeners {
  /** The listener must not throw. Returns the function that ends it. */
  add(listener: () => void): () => void;
  tell(): void;
  clear(): void;
}

export function createListeners(): Listeners {
  const all = new Set<() => void>();
  return {
    add: (listener) => {
      all.add(listener);
      return () => all.delete(listener);
    },
    tell: () => {
      for (const listener of all) listener();
    },
    clear: () => all.clear(),
  };
}
