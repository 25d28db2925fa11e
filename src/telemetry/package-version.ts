import { readFileSync } from "node:fs";
import { findPackageJSON } from "node:module";

/** The version of this server, from its package.json. */
export function packageVersion(): string {
  const manifest = findPackageJSON(import.meta.url);
  if (manifest === undefined) return "unknown";
  return (JSON.parse(readFileSync(manifest, "utf8")) as { readonly version: string }).version;
}
