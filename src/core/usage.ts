import type { JsonObject } from "./json.ts";

/**
 * What a call consumed, as the provider reported it; a field that is absent was not reported. A part is inside its whole:
 * cached, cache-write and audio input tokens in `inputTokens`; reasoning and audio output tokens in `outputTokens`.
 */
export interface Usage {
  readonly inputTokens?: number;
  readonly outputTokens?: number;
  readonly cachedInputTokens?: number;
  readonly cacheWriteTokens?: number;
  readonly reasoningTokens?: number;
  readonly inputAudioTokens?: number;
  readonly outputAudioTokens?: number;
  readonly inputCharacters?: number;
  /** Milliseconds of audio that were heard. */
  readonly inputAudioMs?: number;
  /** Milliseconds of audio that were made. */
  readonly outputAudioMs?: number;
  readonly outputImages?: number;
  readonly modelCalls?: number;
  /** The usage in the provider's own form; with several model calls, that of the last. */
  readonly providerUsage?: JsonObject;
  readonly costUsd?: number;
  /** True when the figures are this server's estimate. */
  readonly estimated?: boolean;
}

const counters = [
  "inputTokens",
  "outputTokens",
  "cachedInputTokens",
  "cacheWriteTokens",
  "reasoningTokens",
  "inputAudioTokens",
  "outputAudioTokens",
  "inputCharacters",
  "inputAudioMs",
  "outputAudioMs",
  "outputImages",
  "modelCalls",
  "costUsd",
] as const satisfies readonly (keyof Usage)[];

/** Adds up two usages; a counter that neither reported stays absent. */
export function addUsage(a: Usage, b: Usage): Usage {
  const sums = counters
    .filter((key) => a[key] !== undefined || b[key] !== undefined)
    .map((key) => [key, (a[key] ?? 0) + (b[key] ?? 0)] as const);
  return {
    ...Object.fromEntries(sums),
    ...((b.providerUsage ?? a.providerUsage) && { providerUsage: b.providerUsage ?? a.providerUsage }),
    ...((a.estimated || b.estimated) && { estimated: true }),
  };
}
