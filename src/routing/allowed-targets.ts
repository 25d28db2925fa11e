import type { AllowedUse, CallerAccess } from "../core/access.ts";
import type { LivellmError } from "../core/error.ts";
import type { Route, Target } from "../core/route.ts";
import type { CallObservation } from "../telemetry/observation.ts";
import { denied, deniedRoute, deniedUse, isRoutesOnly, mayUseTarget } from "./allowed-use.ts";
import { type IndexedTarget, mayUseNamed, namesModelAlone } from "./expand-route.ts";
import type { ProviderDirectory } from "./provider-directory.ts";

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

/**
 * Throws `permission_denied` when the caller may not go by such a route, or has named a target that it may not use: before
 * anything is looked up, so that it does not learn what there is. A model alone is looked for first, among what it may use.
 */
export function checkAsked(asked: AskedRoute, providers: ProviderDirectory): void {
  const allowed = asked.access?.allowed;
  if (!allowed) return;
  checkAllowedRoute(asked, allowed);
  const refused = asked.targets.findIndex(
    (target) => !namesModelAlone(target) && !mayUseNamed(allowed, target, providers),
  );
  if (refused !== -1) throw deniedTarget(asked.targets[refused], `route.targets[${refused}]`, allowed);
}

function checkAllowedRoute({ name }: AskedRoute, allowed: AllowedUse): void {
  if (allowed.routes.length === 0) return;
  if (name !== undefined && !allowed.routes.includes(name)) throw deniedRoute(name, allowed);
  if (name === undefined && isRoutesOnly(allowed) && !allowed.inlineProviders) {
    throw denied(`may only use routes by name: ${allowed.routes.slice(0, 20).join(", ")}`, "route.targets");
  }
}

/**
 * The targets that the caller may use. What the server has added on its own is left out without a word; a route of which
 * nothing is left is `permission_denied`.
 */
export function allowedTargets(asked: AskedRoute, targets: readonly IndexedTarget[]): readonly IndexedTarget[] {
  const allowed = limitsOf(asked);
  if (!allowed) return targets;
  const kept = targets.filter((target) => mayUseTarget(allowed, target));
  if (kept.length > 0) return kept;
  throw asked.name === undefined
    ? deniedTarget(asked.targets[0], "route.targets[0]", allowed)
    : deniedRoute(asked.name, allowed);
}

function deniedTarget(target: Target | undefined, field: string, allowed: AllowedUse): LivellmError {
  if (target?.inlineProvider) return denied("may not bring providers of its own", `${field}.inlineProvider`);
  return deniedUse([target?.provider, target?.model].filter(Boolean).join("/"), field, allowed);
}
