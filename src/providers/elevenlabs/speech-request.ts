import type { JsonObject } from "../../core/json.ts";
import type { Warning } from "../../core/route.ts";
import type { SpeechRequest } from "../../core/speech.ts";
import { type Notes, newNotes } from "../openai-compatible/notes.ts";
import { mergeOptions, refuseReservedOptions } from "../openai-compatible/options.ts";
import { primaryLanguage } from "../openai-compatible/transcription-request.ts";
import { toOutputFormat } from "./speech-format.ts";
import { speechModel } from "./speech-models.ts";

type Query = Readonly<Record<string, string | number | boolean>>;

export interface SpeechCall {
  readonly query: Query;
  /** Over HTTP the body; over a WebSocket what opens each context. */
  readonly body: Readonly<Record<string, unknown>>;
  readonly warnings: readonly Warning[];
}

/** What the server sets itself. */
const reserved = ["text", "model_id", "output_format", "voice_id", "context_id", "sync_alignment"];

/** Options that are part of the address. */
const httpQuery = ["enable_logging", "optimize_streaming_latency"];
const socketQuery = [
  "enable_logging",
  "enable_ssml_parsing",
  "auto_mode",
  "apply_text_normalization",
  "seed",
  "inactivity_timeout",
];

/** A request for `POST /v1/text-to-speech/{voice}/stream`, but for the voice. */
export function toHttpSpeech(request: SpeechRequest): SpeechCall {
  const notes = newNotes();
  const { query, rest } = split(request.options, httpQuery);
  const language = toLanguage(request, notes);
  const body = {
    text: request.text,
    model_id: request.model,
    ...(language && { language_code: language }),
    ...toVoiceSettings(request, notes),
  };
  return {
    query: { output_format: toOutputFormat(request.format), ...query },
    body: mergeOptions(body, rest),
    warnings: notes.warnings,
  };
}

/** The longest that the server lets us be silent, in seconds; 20 when nothing is said, which is short for a model that thinks. */
const longestSilence = 180;

/** A request for `/v1/text-to-speech/{voice}/multi-stream-input`, but for the voice. */
export function toSocketSpeech(request: Omit<SpeechRequest, "text">): SpeechCall {
  const notes = newNotes();
  const { query, rest } = split(request.options, socketQuery);
  const language = toLanguage(request, notes);
  return {
    query: {
      model_id: request.model,
      output_format: toOutputFormat(request.format),
      inactivity_timeout: longestSilence,
      ...(language && { language_code: language }),
      ...(request.wordTimings && { sync_alignment: true }),
      ...query,
    },
    body: mergeOptions(toVoiceSettings(request, notes), rest),
    warnings: notes.warnings,
  };
}

function split(options: JsonObject, names: readonly string[]): { readonly query: Query; readonly rest: JsonObject } {
  refuseReservedOptions(options, reserved);
  const isOfQuery = ([name]: [string, unknown]) => names.includes(name);
  const entries = Object.entries(options);
  return {
    query: Object.fromEntries(entries.filter(isOfQuery).map(([name, value]) => [name, String(value)])),
    rest: Object.fromEntries(entries.filter((entry) => !isOfQuery(entry))),
  };
}

type Manner = Pick<SpeechRequest, "model" | "languageCode" | "speed" | "instructions">;

function toLanguage({ model, languageCode }: Manner, notes: Notes): string | undefined {
  if (languageCode === "") return undefined;
  if (speechModel(model).language) return primaryLanguage(languageCode);
  notes.ignored("config.languageCode");
  return undefined;
}

const speeds = { slowest: 0.7, fastest: 1.2 };

function toVoiceSettings({ speed, instructions }: Manner, notes: Notes): object {
  if (instructions !== "") notes.ignored("config.instructions");
  if (speed === undefined) return {};
  const near = Math.min(speeds.fastest, Math.max(speeds.slowest, speed));
  if (near !== speed) notes.clamped("config.speed", `from ${speeds.slowest} to ${speeds.fastest}`);
  return { voice_settings: { speed: near } };
}
