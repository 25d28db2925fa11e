import { isJsonObject } from "../../core/json.ts";
import type { Warning } from "../../core/route.ts";
import type { TranscriptionRequest } from "../../core/transcription.ts";
import { type Notes, newNotes } from "../openai-compatible/notes.ts";
import { mergeOptions, refuseReservedOptions } from "../openai-compatible/options.ts";
import { type Form, type FormFields, fileNameOf, writeForm } from "../openai-compatible/transcription-form.ts";
import { primaryLanguage } from "../openai-compatible/transcription-request.ts";

export interface ScribeCall {
  readonly form: Form;
  readonly query: Readonly<Record<string, string>>;
  readonly warnings: readonly Warning[];
}

/** What the server sets itself: with a `webhook` the answer would go elsewhere. */
const reserved = ["model_id", "file", "cloud_storage_url", "source_url", "webhook"];

/** A request for `POST /v1/speech-to-text`. The file goes out as it is. */
export function toScribeRequest(request: TranscriptionRequest): ScribeCall {
  refuseReservedOptions(request.options, reserved);
  const { model, languageCode, phrases, filename, mimeType, audio } = request;
  const notes = newNotes();
  if (request.prompt !== "") notes.ignored("config.prompt");
  const { enable_logging: logging, ...options } = request.options;
  const body = {
    model_id: model,
    ...(languageCode && { language_code: primaryLanguage(languageCode) }),
    ...(request.wordTimings && { timestamps_granularity: "word" }),
    ...(request.speakerLabels && { diarize: true }),
    ...toKeyterms(phrases, notes),
  };
  const file = { field: "file", filename: fileNameOf(filename, mimeType), mimeType, data: audio };
  return {
    form: writeForm(toFormFields(mergeOptions(body, options)), file),
    query: logging === undefined ? {} : { enable_logging: String(logging) },
    warnings: notes.warnings,
  };
}

/** What phrases may be: elevenlabs-js, `BodySpeechToTextV1SpeechToTextPost.keyterms`. */
function isKeyterm(phrase: string): boolean {
  return phrase.length < 50 && phrase.trim().split(/\s+/).length <= 5 && !/[<>{}[\]\\]/.test(phrase);
}

function toKeyterms(phrases: readonly string[], notes: Notes): { readonly keyterms?: readonly string[] } {
  const taken = phrases.filter(isKeyterm);
  if (taken.length < phrases.length) {
    notes.clamped("config.phrases", "phrases of at most 49 characters and 5 words, without brackets or backslashes");
  }
  return taken.length > 0 ? { keyterms: taken } : {};
}

/** As ElevenLabs' own SDK writes forms: a list is its name again and again, and objects are JSON. */
function toFormFields(body: Readonly<Record<string, unknown>>): FormFields {
  return Object.entries(body).flatMap(([name, value]) => {
    const items: readonly unknown[] = Array.isArray(value) ? value : [value];
    return items
      .filter(isThere)
      .map((item) => [name, isJsonObject(item) ? JSON.stringify(item) : String(item)] as const);
  });
}

function isThere(value: unknown): boolean {
  return value !== undefined && value !== null;
}
