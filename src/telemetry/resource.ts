import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { findPackageJSON } from "node:module";
import { defaultResource, type Resource, resourceFromAttributes } from "@opentelemetry/resources";

/** What spans and metrics are told to come from: one process of this server. */
export function resourceOf(attributes: Readonly<Record<string, string>>): Resource {
  const own = { "service.version": version(), "service.instance.id": randomUUID(), "process.pid": process.pid };
  return defaultResource().merge(resourceFromAttributes({ ...own, ...attributes }));
}

function version(): string {
  const manifest = findPackageJSON(import.meta.url);
  if (manifest === undefined) return "unknown";
  return (JSON.parse(readFileSync(manifest, "utf8")) as { readonly version: string }).version;
}
