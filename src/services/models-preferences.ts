import { FindBestModelRequest_Preference as Preference } from "../../gen/livellm/v1/models_service_pb.ts";
import type { ModelCapability } from "../core/models.ts";
import type { HealthMemory } from "../routing/health.ts";
import type { KnownModel } from "../routing/known-model.ts";

/** What models are compared by. */
export interface Comparing {
  readonly preferences: readonly Preference[];
  /** What they are wanted for: it decides which price counts. */
  readonly capabilities: readonly ModelCapability[];
  readonly health: HealthMemory;
}

/** The best first: by the preferences in turn, then those that answer, then by provider and id. */
export function orderModels(models: readonly KnownModel[], comparing: Comparing): readonly KnownModel[] {
  const preferences = [...comparing.preferences, Preference.HEALTHY];
  return models
    .map((model) => ({ model, marks: preferences.map((preference) => markOf(preference, model, comparing)) }))
    .sort((a, b) => compareMarks(a.marks, b.marks) || compareNames(a.model, b.model))
    .map(({ model }) => model);
}

/** Smaller is better; what is not known comes last. */
function markOf(preference: Preference, model: KnownModel, { capabilities, health }: Comparing): number {
  const version = { id: model.provider, revision: model.revision };
  switch (preference) {
    case Preference.LOCAL:
      return model.local ? 0 : 1;
    case Preference.LOW_COST:
      return costOf(model, capabilities) ?? Number.POSITIVE_INFINITY;
    case Preference.LOW_LATENCY:
      return health.latencyMs(version, model.id) ?? Number.POSITIVE_INFINITY;
    case Preference.LARGE_CONTEXT:
      return -(model.contextWindow ?? 0);
    case Preference.HEALTHY:
      return health.isAvoided(version, model.id) ? 3 : troubles[health.report(version, model.id).status];
    default:
      return 0;
  }
}

const troubles = { healthy: 0, unknown: 1, degraded: 2, unhealthy: 3 } as const;

/** In dollars of the unit that the use is billed in; for text, a million tokens in and a million out. */
function costOf({ pricing }: KnownModel, capabilities: readonly ModelCapability[]): number | undefined {
  if (!pricing) return undefined;
  const use = capabilities[0] ?? "agent";
  if (use.startsWith("speak")) return pricing.usdPerMchar ?? pricing.audioUsdPerMinute;
  if (use.startsWith("transcribe") || use === "live") return pricing.audioUsdPerMinute;
  if (use.endsWith("image")) return pricing.usdPerImage;
  const { inputUsdPerMtok, outputUsdPerMtok } = pricing;
  return inputUsdPerMtok === undefined || outputUsdPerMtok === undefined
    ? undefined
    : inputUsdPerMtok + outputUsdPerMtok;
}

function compareMarks(a: readonly number[], b: readonly number[]): number {
  const differing = a.findIndex((mark, i) => mark !== b[i]);
  return differing === -1 ? 0 : (a[differing] ?? 0) < (b[differing] ?? 0) ? -1 : 1;
}

function compareNames(a: KnownModel, b: KnownModel): number {
  const [left, right] = [JSON.stringify([a.provider, a.id]), JSON.stringify([b.provider, b.id])];
  return left < right ? -1 : 1;
}
