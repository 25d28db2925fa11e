import { attribute, ownAttribute } from "./attributes.ts";
import { buckets } from "./buckets.ts";
import type { MetricRegistry } from "./metric-registry.ts";

export type AttemptFamilies = ReturnType<typeof attemptFamilies>;

/** The metrics of the calls of targets. */
export function attemptFamilies(registry: MetricRegistry) {
  return { ...timesOf(registry), ...amountsOf(registry), ...outcomesOf(registry) };
}

/** In this order everywhere. */
const target = [attribute.operation, attribute.provider, attribute.requestModel, ownAttribute.providerId];

function timesOf(registry: MetricRegistry) {
  const time = (name: string, description: string, boundaries: readonly number[], attributes: readonly string[]) =>
    registry.histogram({ name, unit: "s", description, attributes }, boundaries);
  return {
    duration: time("gen_ai.client.operation.duration", "How long calls of targets took.", buckets.operation, [
      ...target,
      attribute.errorType,
    ]),
    firstChunk: time(
      "gen_ai.client.operation.time_to_first_chunk",
      "How long targets took to the first output of a stream.",
      buckets.first,
      target,
    ),
    furtherChunk: time(
      "gen_ai.client.operation.time_per_output_chunk",
      "How long each output of a stream took after its first; the mean of each call.",
      buckets.further,
      target,
    ),
    firstToken: time(
      "gen_ai.server.time_to_first_token",
      "How long streaming calls took from their beginning to the first output of a model, with all that was tried before it.",
      buckets.first,
      target.slice(0, 3),
    ),
  };
}

function amountsOf(registry: MetricRegistry) {
  const sum = (name: string, unit: string, description: string, attributes: readonly string[] = target) =>
    registry.counter({ name, unit, description, attributes });
  return {
    tokens: registry.histogram(
      {
        name: "gen_ai.client.token.usage",
        unit: "{token}",
        description: "Tokens that calls of targets took and gave.",
        attributes: [...target, attribute.tokenType],
      },
      buckets.tokens,
    ),
    cost: sum("livellm.cost.usd", "{USD}", "What calls cost in US dollars, where the price is known."),
    audio: sum("livellm.audio.duration", "s", "Audio that was heard and made.", [...target, ownAttribute.direction]),
    images: sum("livellm.images", "{image}", "Images that were made."),
    characters: sum("livellm.speech.characters", "{character}", "Characters that were spoken."),
  };
}

function outcomesOf(registry: MetricRegistry) {
  return {
    attempts: registry.counter({
      name: "livellm.attempts",
      unit: "{attempt}",
      description: "Targets that were called, or skipped, and how that ended.",
      attributes: [...target, ownAttribute.outcome, attribute.errorType],
    }),
    fallbacks: registry.counter({
      name: "livellm.fallbacks",
      unit: "{attempt}",
      description: "Targets that were called because one before them failed or was skipped.",
      attributes: target,
    }),
  };
}
