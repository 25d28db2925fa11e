/** A package as it is installed; `licence` is its SPDX expression, empty where it says none. */
export interface InstalledPackage {
  readonly name: string;
  readonly version: string;
  readonly licence: string;
}

/** Licences that ask for no more than a notice; that of BSD-4-Clause belongs into advertising too. */
const allowed: ReadonlySet<string> = new Set([
  "0BSD",
  "Apache-2.0",
  "BlueOak-1.0.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "BSD-4-Clause",
  "CC0-1.0",
  "ISC",
  "MIT",
  "MIT-0",
  "Unlicense",
]);

/** Packages whose licence is not one of those, as `name version: licence`. */
export function refusedLicences(packages: readonly InstalledPackage[]): readonly string[] {
  return packages
    .filter(({ licence }) => !isAllowed(licence))
    .map(({ name, version, licence }) => `${name} ${version}: licence ${licence || "unknown"}`);
}

/** An SPDX expression: of what is joined by OR one has to be allowed, of what is joined by AND all. */
export function isAllowed(expression: string): boolean {
  const inner = /\(([^()]*)\)/.exec(expression);
  if (inner) return isAllowed(expression.replace(inner[0], isAllowed(inner[1] ?? "") ? "MIT" : "refused"));
  return expression
    .split(/\s+OR\s+/)
    .some((all) => all.split(/\s+AND\s+/).every((licence) => allowed.has(licence.trim())));
}
