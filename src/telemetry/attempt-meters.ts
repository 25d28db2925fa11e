import type { LivellmError } from "../core/error.ts";
import type { Capability } from "../core/provider.ts";
import type { Attempt } from "../core/route.ts";
import type { Usage } from "../core/usage.ts";
import { type AttemptFamilies, attemptFamilies } from "./attempt-families.ts";
import { operations } from "./attributes.ts";
import type { MetricRegistry } from "./metric-registry.ts";
import type { CounterSeries, HistogramSeries } from "./metric-series.ts";
import type { AttemptEnd, ObservedTarget } from "./observation.ts";

/** What is counted of the calls of targets. */
export interface AttemptMeters {
  /** The meters of one target; the same each time. */
  target(capability: Capability, target: ObservedTarget): TargetMeters;
}

/** Enough for all that are in use; those beyond it are looked up each time. */
const maxKept = 2000;

/** `providerNames`: what the conventions call a kind of provider, where that is something else. */
export function createAttemptMeters(
  registry: MetricRegistry,
  providerNames: ReadonlyMap<string, string>,
): AttemptMeters {
  const families = attemptFamilies(registry);
  const kept = new Map<string, TargetMeters>();
  return {
    target(capability, { provider, kind, model }) {
      const key = `${capability} ${provider} ${kind} ${model}`;
      const known = kept.get(key);
      if (known) return known;
      const names = [operations[capability], providerNames.get(kind) ?? kind, model, provider || "inline"] as const;
      const meters = new TargetMeters(families, names);
      if (kept.size < maxKept) kept.set(key, meters);
      return meters;
    },
  };
}

/** The operation, the provider's name, the model, and the provider's id. */
type TargetNames = readonly [string, string, string, string];

/** The series of one target, each made when it is first needed. */
export class TargetMeters {
  readonly #families: AttemptFamilies;
  readonly #names: TargetNames;
  #answered: { readonly attempts: CounterSeries; readonly duration: HistogramSeries } | undefined;
  #firstChunk: HistogramSeries | undefined;
  #furtherChunk: HistogramSeries | undefined;
  #inputTokens: HistogramSeries | undefined;
  #outputTokens: HistogramSeries | undefined;

  constructor(families: AttemptFamilies, names: TargetNames) {
    this.#families = families;
    this.#names = names;
  }

  /** The times of single outputs are those of answers that are streamed; of others they would be the whole time. */
  ended(end: AttemptEnd, streams: boolean): void {
    const { outcome, error, durationMs, firstOutputMs, outputs, usage } = end;
    const { attempts, duration } = this.#of(outcome, error);
    attempts.add();
    duration.record(durationMs / 1000);
    if (firstOutputMs !== undefined && streams) this.#answer(firstOutputMs, durationMs, outputs);
    if (usage) this.#consumed(usage);
  }

  /** How long it was from the beginning of the whole call to the first output, all that was tried before included. */
  firstToken(seconds: number): void {
    const [operation, provider, model] = this.#names;
    this.#families.firstToken.with(operation, provider, model).record(seconds);
  }

  /** It was called in place of another. */
  tookOver(): void {
    this.#families.fallbacks.with(...this.#names).add();
  }

  unused(outcome: "skipped" | "failed", error: LivellmError): void {
    this.#families.attempts.with(...this.#names, outcome, error.reason).add();
  }

  #of(outcome: Attempt["outcome"], error: LivellmError | undefined) {
    if (outcome === "answered" && this.#answered) return this.#answered;
    const errorType = error?.reason ?? (outcome === "answered" ? "" : outcome);
    const series = {
      attempts: this.#families.attempts.with(...this.#names, outcome, errorType),
      duration: this.#families.duration.with(...this.#names, errorType),
    };
    if (outcome === "answered") this.#answered = series;
    return series;
  }

  #answer(firstOutputMs: number, durationMs: number, outputs: number): void {
    this.#firstChunk ??= this.#families.firstChunk.with(...this.#names);
    this.#firstChunk.record(firstOutputMs / 1000);
    if (outputs < 2) return;
    this.#furtherChunk ??= this.#families.furtherChunk.with(...this.#names);
    this.#furtherChunk.record((durationMs - firstOutputMs) / 1000 / (outputs - 1));
  }

  #consumed(usage: Usage): void {
    const { inputTokens, outputTokens } = usage;
    const { tokens } = this.#families;
    this.#inputTokens ??= inputTokens === undefined ? undefined : tokens.with(...this.#names, "input");
    if (inputTokens !== undefined) this.#inputTokens?.record(inputTokens);
    this.#outputTokens ??= outputTokens === undefined ? undefined : tokens.with(...this.#names, "output");
    if (outputTokens !== undefined) this.#outputTokens?.record(outputTokens);
    this.#add(usage);
  }

  #add({ costUsd, inputAudioMs, outputAudioMs, outputImages, inputCharacters }: Usage): void {
    const { cost, audio, images, characters } = this.#families;
    const names = this.#names;
    if (costUsd !== undefined) cost.with(...names).add(costUsd);
    if (inputAudioMs !== undefined) audio.with(...names, "input").add(inputAudioMs / 1000);
    if (outputAudioMs !== undefined) audio.with(...names, "output").add(outputAudioMs / 1000);
    if (outputImages !== undefined) images.with(...names).add(outputImages);
    if (inputCharacters !== undefined) characters.with(...names).add(inputCharacters);
  }
}
