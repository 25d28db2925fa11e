import type { AllowedUse } from "../core/access.ts";
import { LivellmError } from "../core/error.ts";
import type { Target } from "../core/route.ts";
import { fitsPattern } from "./model-pattern.ts";

/** Whether a token lists anything at all; one that does not may use, and be told of, everything. */
export function isLimited(allowed: AllowedUse | undefined): allowed is AllowedUse {
  return allowed !== undefined && allowed.providers.length + allowed.models.length + allowed.routes.length > 0;
}

/** Whether it may use named routes and nothing else. */
export function isRoutesOnly({ routes, providers, models }: AllowedUse): boolean {
  return routes.length > 0 && providers.length + models.length === 0;
}

/** Whether a model of a configured provider may be used by naming it. */
export function mayUseModel(allowed: AllowedUse | undefined, provider: string, model: string): boolean {
  if (!allowed) return true;
  const { models } = allowed;
  if (!mayUseSomeOf(allowed, provider)) return false;
  if (models.length === 0) return true;
  return models.some((pattern) => fitsPattern(model, pattern) || fitsPattern(`${provider}/${model}`, pattern));
}

/** Whether any model of a configured provider may be used, or may turn out to be one that may. */
export function mayUseSomeOf(allowed: AllowedUse | undefined, provider: string): boolean {
  if (!allowed) return true;
  return !isRoutesOnly(allowed) && (allowed.providers.length === 0 || allowed.providers.includes(provider));
}

export function mayUseTarget(allowed: AllowedUse, { provider, model, inlineProvider }: Target): boolean {
  return inlineProvider ? allowed.inlineProviders : mayUseModel(allowed, provider, model);
}

/**
 * `permission_denied` for a provider or a model that a token does not allow. It is the same whether there is such a thing or
 * not, and is to be thrown before anything is looked up: who may not use it must not learn either (AIP-211).
 */
export function deniedUse(
  what: string,
  field: string,
  allowed: AllowedUse,
  near: readonly string[] = [],
): LivellmError {
  const mayUse = isRoutesOnly(allowed)
    ? `it may use the routes ${listed(allowed.routes)}`
    : "ListModels tells what it may use";
  const like = near.length > 0 ? `; near: ${near.join(", ")}` : "";
  return denied(`may not use ${what}, if it exists${like}; ${mayUse}`, field);
}

/** The same for the name of a route. */
export function deniedRoute(name: string, { routes }: AllowedUse): LivellmError {
  const instead = routes.length > 0 ? `it may use ${listed(routes)}` : "an administrator can allow it";
  return denied(`may not use the route "${name}", if it exists; ${instead}`, "route.name");
}

/** `permission_denied` for what a token may not do; `what` follows "the token". */
export function denied(what: string, field: string): LivellmError {
  return new LivellmError("permission_denied", "permission_denied", `${field}: the token ${what}`, {
    metadata: { field },
  });
}

function listed(names: readonly string[]): string {
  return names.slice(0, 20).join(", ");
}
