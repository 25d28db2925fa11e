import type { TranscriptionCreateParams } from "openai/resources/audio/transcriptions";
import { isJsonObject } from "../../core/json.ts";
import type { Warning } from "../../core/route.ts";
import type { TranscriptionConfig, TranscriptionRequest } from "../../core/transcription.ts";
import { type Notes, newNotes } from "./notes.ts";
import { mergeOptions, refuseReservedOptions } from "./options.ts";
import { type Form, type FormFields, fileNameOf, writeForm } from "./transcription-form.ts";
import { type TranscriptionModel, transcriptionModel } from "./transcription-models.ts";

export interface TranscriptionCall {
  readonly form: Form;
  readonly warnings: readonly Warning[];
}

/** What the server sets itself: it reads the answer in one piece and in a form that it knows. */
const reserved = ["model", "file", "stream", "response_format"];

type WireParameters = Omit<TranscriptionCreateParams, "file" | "stream">;

/** A request for `POST /audio/transcriptions`. The file goes out as it is. */
export function toTranscriptionRequest(request: TranscriptionRequest, boundary?: string): TranscriptionCall {
  refuseReservedOptions(request.options, reserved);
  const { model, filename, mimeType, audio, languageCode } = request;
  const traits = transcriptionModel(model);
  const notes = newNotes();
  const body = {
    model,
    ...toAnswerFields(request, traits, notes),
    ...(languageCode && { language: primaryLanguage(languageCode) }),
    ...toHints(request, traits, notes),
  } satisfies WireParameters;
  const file = { field: "file", filename: fileNameOf(filename, mimeType), mimeType, data: audio };
  return {
    form: writeForm(toFormFields(mergeOptions(body, request.options)), file, boundary),
    warnings: notes.warnings,
  };
}

function toAnswerFields(
  config: TranscriptionConfig,
  traits: TranscriptionModel,
  notes: Notes,
): Partial<WireParameters> {
  const { wordTimings, speakerLabels } = config;
  if (speakerLabels && !traits.speakers) notes.ignored("config.speakerLabels");
  if (wordTimings && !traits.words) notes.ignored("config.wordTimings");
  // Longer recordings are refused without it: openai-node, `chunking_strategy`.
  if (traits.speakers) return { response_format: traits.responseFormat, chunking_strategy: "auto" };
  if (!wordTimings || !traits.words) return { response_format: traits.responseFormat };
  return { response_format: "verbose_json", timestamp_granularities: ["segment", "word"] };
}

/** A prompt and phrases, as far as a model takes them: phrases without a field of their own go into the prompt. */
export function toHints(
  { prompt, phrases }: TranscriptionConfig,
  traits: Pick<TranscriptionModel, "prompt" | "keywords">,
  notes: Notes,
): { readonly prompt?: string; readonly keywords?: string[] } {
  if (prompt && !traits.prompt) notes.ignored("config.prompt");
  if (phrases.length === 0) return prompt && traits.prompt ? { prompt } : {};
  if (traits.keywords) return { ...(prompt && traits.prompt && { prompt }), keywords: [...phrases] };
  if (!traits.prompt) {
    notes.ignored("config.phrases");
    return {};
  }
  const message = "the model takes no phrases: they went into its prompt";
  notes.warnings.push({ code: "option-approximated", message, field: "config.phrases" });
  return { prompt: [prompt, phrases.join(", ")].filter((part) => part !== "").join("\n") };
}

/** `de-CH` → `de`: these servers take ISO 639-1. */
export function primaryLanguage(languageCode: string): string {
  return languageCode.split(/[-_]/)[0]?.toLowerCase() ?? "";
}

/** As OpenAI's own SDK writes forms: lists as `name[]`, objects as `name[field]`. */
function toFormFields(body: Readonly<Record<string, unknown>>): FormFields {
  return Object.entries(body).flatMap(([name, value]) => toFields(name, value));
}

function toFields(name: string, value: unknown): FormFields {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value.flatMap((item) => toFields(`${name}[]`, item));
  if (!isJsonObject(value)) return [[name, String(value)]];
  return Object.entries(value).flatMap(([field, item]) => toFields(`${name}[${field}]`, item));
}
