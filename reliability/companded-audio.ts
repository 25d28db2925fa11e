import { createRequire, registerHooks } from "node:module";
import { pathToFileURL } from "node:url";

/**
 * The vendors of the tests import `alaw` and `mulaw` from a CommonJS package whose names node does not find by itself (vitest
 * does). This gives it the names; what needs it has to be imported after it has been called, so with `import()`.
 */
export function nameCompandedAudio(): void {
  const file = pathToFileURL(createRequire(import.meta.url).resolve("alawmulaw")).href;
  const source = `import all from ${JSON.stringify(file)}; export const { alaw, mulaw } = all;`;
  const url = `data:text/javascript,${encodeURIComponent(source)}`;
  registerHooks({
    resolve: (specifier, context, next) =>
      specifier === "alawmulaw" ? { url, shortCircuit: true } : next(specifier, context),
  });
}
