import { invalidRequest, type Violation } from "../../core/error.ts";
import type { JsonObject } from "../../core/json.ts";

/** How utterances are found, and what of them is told. */
export interface AsrSettings {
  /** From this probability on a chunk is speech. */
  readonly startThreshold: number;
  /** Below this one it is silence; in between, it is what it was before. */
  readonly endThreshold: number;
  /** So many chunks of speech in a row begin an utterance. */
  readonly startHoldChunks: number;
  /** So many chunks of silence in a row end it. */
  readonly endHoldChunks: number;
  /** Texts that the recogniser is less sure of are left out. */
  readonly minTokenConfidence: number;
  /** Whether a text is told only when it has changed. */
  readonly dedupe: boolean;
  /** Whether nothing is told of audio that was never loud enough to be speech. */
  readonly suppressSilence: boolean;
  /** The recogniser writes all of an utterance down anew with each chunk: a longer one is cut. */
  readonly maxUtteranceSeconds: number;
  /** An utterance ends, too, when no audio comes for so long. */
  readonly flushAfterMs: number;
}

const defaults = {
  speech_start_threshold: 0.55,
  speech_end_threshold: 0.3,
  start_hold_chunks: 2,
  end_hold_chunks: 4,
  min_token_confidence: 0,
  dedupe: true,
  suppress_silence: true,
  max_utterance_seconds: 30,
  flush_after_ms: 800,
};

const probability = (value: number, description: string): JsonObject => ({
  type: "number",
  minimum: 0,
  maximum: 1,
  default: value,
  description,
});

const atLeastOne = (type: string, value: number, description: string): JsonObject => ({
  type,
  minimum: 1,
  default: value,
  description,
});

const flag = (value: boolean, description: string): JsonObject => ({ type: "boolean", default: value, description });

const properties: Readonly<Record<keyof typeof defaults, JsonObject>> = {
  speech_start_threshold: probability(
    defaults.speech_start_threshold,
    "From this speech probability on a chunk is speech.",
  ),
  speech_end_threshold: probability(defaults.speech_end_threshold, "Below this speech probability a chunk is silence."),
  start_hold_chunks: atLeastOne(
    "integer",
    defaults.start_hold_chunks,
    "So many chunks of speech in a row begin an utterance.",
  ),
  end_hold_chunks: atLeastOne("integer", defaults.end_hold_chunks, "So many chunks of silence in a row end it."),
  min_token_confidence: probability(
    defaults.min_token_confidence,
    "Texts that the recogniser is less sure of are left out.",
  ),
  dedupe: flag(defaults.dedupe, "Tell a text only when it has changed."),
  suppress_silence: flag(defaults.suppress_silence, "Tell nothing of audio that was never loud enough to be speech."),
  max_utterance_seconds: atLeastOne("number", defaults.max_utterance_seconds, "A longer utterance is cut."),
  flush_after_ms: {
    ...atLeastOne("integer", defaults.flush_after_ms, "An utterance ends when no audio comes for so long."),
    minimum: 50,
  },
};

/** The JSON Schema of `Provider.settings`. */
export const settingsSchema: JsonObject = { type: "object", properties, additionalProperties: false };

/** Options of one session: those that are settings, which it has for itself, and the others. Throws `invalid_argument`. */
export function splitOptions(options: JsonObject): { readonly settings: JsonObject; readonly others: JsonObject } {
  const entries = Object.entries(options);
  const own = entries.filter(([name]) => isSetting(name));
  const violations = own.flatMap(([name, value]) => (isSetting(name) ? wrongValue(name, value) : []));
  if (violations.length > 0) throw invalidRequest(violations);
  return {
    settings: Object.fromEntries(own),
    others: Object.fromEntries(entries.filter(([name]) => !isSetting(name))),
  };
}

function isSetting(name: string): name is keyof typeof defaults {
  return Object.hasOwn(properties, name);
}

function wrongValue(name: keyof typeof defaults, value: unknown): readonly Violation[] {
  const { type, minimum, maximum } = properties[name];
  const field = `route.targets[].options.${name}`;
  const fits = type === "boolean" ? typeof value === "boolean" : fitsNumber(value, properties[name]);
  const range = maximum === undefined ? `at least ${minimum}` : `from ${minimum} to ${maximum}`;
  const description =
    type === "boolean" ? "must be true or false" : `must be a${type === "integer" ? " whole" : ""} number ${range}`;
  return fits ? [] : [{ field, description, reason: "OUT_OF_RANGE" }];
}

function fitsNumber(value: unknown, { type, minimum, maximum }: JsonObject): boolean {
  if (typeof value !== "number" || (type === "integer" && !Number.isInteger(value))) return false;
  return value >= Number(minimum) && value <= Number(maximum ?? Number.POSITIVE_INFINITY);
}

/** Settings with what is not set; `settings` has been checked against the schema. */
export function readSettings(settings: JsonObject): AsrSettings {
  const all = { ...defaults, ...settings };
  return {
    startThreshold: Number(all.speech_start_threshold),
    endThreshold: Number(all.speech_end_threshold),
    startHoldChunks: Number(all.start_hold_chunks),
    endHoldChunks: Number(all.end_hold_chunks),
    minTokenConfidence: Number(all.min_token_confidence),
    dedupe: all.dedupe === true,
    suppressSilence: all.suppress_silence === true,
    maxUtteranceSeconds: Number(all.max_utterance_seconds),
    flushAfterMs: Number(all.flush_after_ms),
  };
}
