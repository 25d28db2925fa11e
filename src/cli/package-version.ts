import { readFileSync } from "node:fs";
import { findPackageJSON } from "node:module";

/** The version in this package's package.json. */
export function packageVersion(): string {
  const manifest = findPackageJSON(import.meta.url);
  if (manifest === undefined) throw new Error("this file belongs to no package");
  return (JSON.parse(readFileSync(manifest, "utf8")) as { readonly version: string }).version;
}
