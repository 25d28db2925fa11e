import { randomUUID } from "node:crypto";
import { defaultResource, type Resource, resourceFromAttributes } from "@opentelemetry/resources";
import { packageVersion } from "./package-version.ts";

/** What spans and metrics are told to come from: one process of this server. */
export function resourceOf(attributes: Readonly<Record<string, string>>): Resource {
  const own = { "service.version": packageVersion(), "service.instance.id": randomUUID(), "process.pid": process.pid };
  return defaultResource().merge(resourceFromAttributes({ ...own, ...attributes }));
}
