import { LivellmError, type Violation } from "../core/error.ts";
import { nameOf } from "./attempt.ts";
import type { PlannedTarget } from "./plan.ts";

/** With the place of what is at fault: an address that may not be called, a field of the target, or the provider's settings. */
export function placedFailure(failure: LivellmError, target: PlannedTarget): LivellmError {
  if (failure.reason === "permission_denied") return withAddress(failure, target);
  const { violations } = failure.facts;
  if (!violations?.some(({ field }) => field.startsWith(anyTarget))) return failure;
  const defaulted = violations.filter(({ field }) => target.defaultedOptions?.includes(optionIn(field)));
  if (defaulted.length === violations.length) return misconfigured(target, defaulted);
  const inPlace = (text: string) => text.replaceAll(anyTarget, `route.targets[${target.index}]`);
  const inRequest = violations.map((violation) => ({ ...violation, field: inPlace(violation.field) }));
  return failure.with({ violations: inRequest }, inPlace(failure.message));
}

/** What adapters write for the target they are called as, which they do not know the position of. */
const anyTarget = "route.targets[]";
const anyOption = `${anyTarget}.options.`;

/** The option that a path leads to; empty for another path. */
function optionIn(field: string): string {
  return field.startsWith(anyOption) ? field.slice(anyOption.length) : "";
}

/** What is wrong is not the caller's: the next target is tried. */
function misconfigured(target: PlannedTarget, violations: readonly Violation[]): LivellmError {
  const each = violations.map(({ field, description }) => `${optionIn(field)} ${description}`);
  const message = `the defaultOptions of the provider ${target.provider} cannot be used: ${each.join("; ")}`;
  return new LivellmError("failed_precondition", "unsupported", message);
}

function withAddress(failure: LivellmError, target: PlannedTarget): LivellmError {
  if (target.provider !== "") return failure.with({}, `${nameOf(target)}: ${failure.message}`);
  const field = `route.targets[${target.index}].inlineProvider.baseUrl`;
  return failure.with({ metadata: { field } }, `${field}: ${failure.message}`);
}
