import { LivellmError } from "../core/error.ts";
import type { Capability, ProviderConfig } from "../core/provider.ts";
import { type AskedRoute, allowedTargets, checkAsked, limitsOf } from "./allowed-targets.ts";
import { createCatalogue } from "./catalogue.ts";
import { expandRoute, type RouteDirectory, routeByName } from "./expand-route.ts";
import { HealthMemory } from "./health.ts";
import { leaseTrial, type ProviderSource } from "./lease-provider.ts";
import { createModelDirectory, type ModelDirectory } from "./model-directory.ts";
import type { Plan } from "./plan.ts";
import { leaseOrFault, planTarget, planUnusable } from "./plan-target.ts";
import type { Lease } from "./provider-pool.ts";

export type { ProviderDirectory } from "./provider-directory.ts";

export interface ResolverOptions extends ProviderSource {
  /** Used where neither the target nor the route says. */
  readonly attemptTimeoutMs: number;
  readonly stallTimeoutMs: number;
  /** Where the provider of a model is found; by default one of its own, with the catalogue of this repository. */
  readonly models?: ModelDirectory;
  /** The routes that have names; none by default. */
  readonly routes?: RouteDirectory;
  /** What calls have shown; by default it is not shared with anybody. */
  readonly health?: HealthMemory;
}

/** Turns a Route into a plan for one capability. */
export interface Resolver {
  /**
   * Waits only where a target names a model alone and nobody is known to have it. Throws `not_found` for a provider, a route
   * or a model that the caller names and that does not exist, `permission_denied` for what it may not use, whether it exists or
   * not.
   */
  plan<C extends Capability>(route: AskedRoute, capability: C, signal: AbortSignal): Promise<Plan<C>>;
  /** Builds a provider that is not kept, to try it out. */
  trial(config: ProviderConfig): Lease;
}

const noRoutes: RouteDirectory = { get: () => undefined, names: () => [] };

export function createResolver(options: ResolverOptions): Resolver {
  const {
    routes = noRoutes,
    health = new HealthMemory(),
    models = createModelDirectory({ ...options, catalogue: createCatalogue() }),
  } = options;
  return {
    async plan(asked, capability, signal) {
      const { access, observation } = asked;
      const { providers } = options;
      const shown = access?.allowed;
      checkAsked(asked, providers);
      const route = routeByName(asked, routes, shown);
      const use = { allowed: limitsOf(asked), shown, namesTargets: asked.name === undefined };
      const expanded = await expandRoute(route, { providers, models, health, ...use }, signal);
      const { strategy } = expanded;
      const targets = allowedTargets(asked, expanded.targets);
      const leases: Lease[] = [];
      const release = () => {
        for (const lease of leases) lease[Symbol.dispose]();
      };
      try {
        const planning = { capability, route, attemptTimeoutMs: options.attemptTimeoutMs, models, health };
        const planned = targets.map((target) => {
          const leased = leaseOrFault(target, options);
          if (leased instanceof LivellmError) return planUnusable(target, leased, planning);
          leases.push(leased.lease);
          return planTarget(target, leased, planning);
        });
        return {
          targets: planned,
          strategy: strategy ?? "sequential",
          stallTimeoutMs: route.stallTimeoutMs ?? options.stallTimeoutMs,
          staggerMs: route.staggerMs ?? 0,
          ...(access && { spent: access.spent }),
          ...(observation && { observation: observation.route(capability) }),
          [Symbol.dispose]: release,
        };
      } catch (error) {
        release();
        throw error;
      }
    },
    trial: (config) => leaseTrial(config, options),
  };
}
