import type { AllowedUse, CallerAccess } from "../core/access.ts";
import { LivellmError } from "../core/error.ts";
import type { Route, Target } from "../core/route.ts";
import type { CallObservation } from "../telemetry/observation.ts";
import type { IndexedTarget } from "./expand-route.ts";
import { fitsPattern } from "./model-pattern.ts";

/** A route, and on whose behalf it is planned; without `access` everything is allowed, without `observation` nobody looks. */
export interface AskedRoute extends Route {
  readonly access?: CallerAccess;
  readonly observation?: CallObservation;
}

/** What the targets of a route are measured by; undefined when all of them may be used. */
export function limitsOf({ name, access }: AskedRoute): AllowedUse | undefined {
  const listed = name !== undefined && access?.allowed.routes.includes(name);
  return listed ? undefined : access?.allowed;
}

/** Throws `permission_denied` when the caller may not go by such a route at all, before anything is looked up. */
export function checkAllowedRoute({ name, access }: AskedRoute): void {
  const allowed = access?.allowed;
  if (!allowed || allowed.routes.length === 0) return;
  if (name !== undefined && !allowed.routes.includes(name))
    throw denied(`may not use the route "${name}"`, "route.name");
  if (name === undefined && isRoutesOnly(allowed) && !allowed.inlineProviders) {
    throw denied(`may only use routes by name: ${allowed.routes.slice(0, 20).join(", ")}`, "route.targets");
  }
}

/**
 * The targets that the caller may use. What the server has added on its own is left out without a word; a target that the
 * caller has named, or a route of which nothing is left, is `permission_denied`.
 */
export function allowedTargets(asked: AskedRoute, targets: readonly IndexedTarget[]): readonly IndexedTarget[] {
  const allowed = limitsOf(asked);
  if (!allowed) return targets;
  const kept = targets.filter((target) => mayUseTarget(allowed, target));
  const refused = asked.targets.findIndex((_, i) => !kept.some(({ index }) => index === i));
  if (refused !== -1) throw deniedTarget(asked.targets[refused], `route.targets[${refused}]`);
  if (kept.length === 0) throw denied(`may use none of the targets of the route "${asked.name}"`, "route.name");
  return kept;
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

function mayUseTarget(allowed: AllowedUse, { provider, model, inlineProvider }: Target): boolean {
  return inlineProvider ? allowed.inlineProviders : mayUseModel(allowed, provider, model);
}

function isRoutesOnly({ routes, providers, models }: AllowedUse): boolean {
  return routes.length > 0 && providers.length + models.length === 0;
}

function deniedTarget(target: Target | undefined, field: string): LivellmError {
  if (target?.inlineProvider) return denied("may not bring providers of its own", `${field}.inlineProvider`);
  const what = [target?.provider, target?.model].filter(Boolean).join("/");
  return denied(`may not use ${what}`, field);
}

function denied(what: string, field: string): LivellmError {
  return new LivellmError("permission_denied", "permission_denied", `${field}: the token ${what}`, {
    metadata: { field },
  });
}
