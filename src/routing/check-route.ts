import type { AllowedUse } from "../core/access.ts";
import { invalidRequest, LivellmError, type Violation } from "../core/error.ts";
import type { InlineProvider, Target } from "../core/route.ts";
import { mayUseSomeOf } from "./allowed-use.ts";
import type { ProviderDirectory } from "./provider-directory.ts";

/**
 * Names what does not exist, all of it, before anything is tried. Throws `not_found`, with the ids of those that the caller may
 * be told of, or `invalid_argument`.
 */
export function checkTargets(
  targets: readonly (Target & { readonly index: number })[],
  providers: ProviderDirectory,
  shown: AllowedUse | undefined,
): void {
  const unknown = targets.filter(({ provider }) => provider !== "" && !providers.get(provider));
  if (unknown.length > 0)
    throw noSuchProvider(
      unknown,
      providers.ids().filter((id) => mayUseSomeOf(shown, id)),
    );
  const violations = targets.flatMap((target) => violationsOf(target, target.index, providers));
  if (violations.length > 0) throw invalidRequest(violations);
}

/**
 * Why a target cannot be used that this server's own settings name, a named route or a model's fallbacks: it fails by itself,
 * and no call that another target can answer.
 */
export function faultOfSettings(
  target: Target & { readonly index: number },
  providers: ProviderDirectory,
): LivellmError | undefined {
  if (target.provider !== "" && !providers.get(target.provider)) {
    const message = `there is no provider "${target.provider}", which this server's settings name`;
    return new LivellmError("not_found", "not_found", message);
  }
  const [violation] = violationsOf(target, target.index, providers);
  if (!violation) return undefined;
  const message = `what this server's settings name cannot be used: ${violation.description}`;
  return new LivellmError("failed_precondition", "unsupported", message);
}

/** None of these providers is configured. */
export function noSuchProvider(targets: readonly Pick<Target, "provider">[], ids: readonly string[]): LivellmError {
  const names = [...new Set(targets.map(({ provider }) => `"${provider}"`))].join(", ");
  const more = ids.length > 20 ? ` and ${ids.length - 20} more` : "";
  const there = ids.length > 0 ? `there are: ${ids.slice(0, 20).join(", ")}${more}` : "there are none that you may use";
  return new LivellmError("not_found", "not_found", `there is no provider ${names}; ${there}`);
}

function violationsOf(target: Target, index: number, providers: ProviderDirectory): Violation[] {
  const path = `route.targets[${index}]`;
  if (target.inlineProvider)
    return inlineViolations(target.inlineProvider, `${path}.inlineProvider`, target, providers);
  if (target.model !== "" || providers.get(target.provider)?.defaultModel) return [];
  const description = target.provider
    ? `name a model: the provider ${target.provider} has no default model`
    : "name a model, a provider, or both";
  return [{ field: `${path}.model`, description, reason: "REQUIRED" }];
}

function inlineViolations(
  inline: InlineProvider,
  path: string,
  target: Target,
  providers: ProviderDirectory,
): Violation[] {
  const kind = providers.kind(inline.kind);
  if (!kind) {
    const description = `there is no kind ${inline.kind}; the kinds are ${providers.kinds().join(", ")}`;
    return [{ field: `${path}.kind`, description, reason: "UNKNOWN" }];
  }
  const missing = (field: string, description: string): Violation => ({ field, description, reason: "REQUIRED" });
  return [
    ...(kind.baseUrlRequired && !inline.baseUrl ? [missing(`${path}.baseUrl`, `${kind.kind} needs a base URL`)] : []),
    ...(kind.apiKeyRequired && !inline.apiKey ? [missing(`${path}.apiKey`, `${kind.kind} needs an API key`)] : []),
    ...(target.model === ""
      ? [missing(path.replace(/inlineProvider$/, "model"), "name a model: an inline provider has no default model")]
      : []),
  ];
}
