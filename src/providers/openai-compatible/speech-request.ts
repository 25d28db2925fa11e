import type { SpeechCreateParams } from "openai/resources/audio/speech";
import { LivellmError } from "../../core/error.ts";
import type { Warning } from "../../core/route.ts";
import type { SpeechRequest } from "../../core/speech.ts";
import { type Notes, newNotes } from "./notes.ts";
import { mergeOptions, refuseReservedOptions } from "./options.ts";
import type { SpeechDialect, SpeechFormat } from "./speech-dialect.ts";
import { unsupported } from "./unsupported.ts";

/** The body of `POST /audio/speech`. */
export interface SpeechBody {
  readonly model: string;
  readonly input: string;
  readonly [option: string]: unknown;
}

export interface SpeechCall {
  readonly body: SpeechBody;
  readonly warnings: readonly Warning[];
}

/** What the server sets itself. */
const reserved = ["model", "input", "voice", "response_format", "stream_format", "sample_rate"];

/** A request for `POST /audio/speech`. Throws `invalid_argument` for a text that is longer than the server takes. */
export function toSpeechRequest(request: SpeechRequest, dialect: SpeechDialect): SpeechCall {
  refuseReservedOptions(request.options, reserved);
  refuseLongText(request.text, dialect.maxCharacters?.(request.model));
  const { model, text, speed } = request;
  const notes = newNotes();
  const voice = request.voice || dialect.defaultVoice;
  const body = {
    model,
    input: text,
    ...(voice && { voice: dialect.customVoices?.test(voice) ? { id: voice } : voice }),
    ...toFormatFields(request, dialect),
    ...toInstructions(request, dialect, notes),
    ...(speed !== undefined && { speed }),
  } satisfies Partial<SpeechCreateParams> & { readonly sample_rate?: number };
  if (request.languageCode !== "") notes.ignored("config.languageCode");
  if (request.wordTimings) notes.ignored("config.wordTimings");
  return { body: mergeOptions(body, request.options), warnings: notes.warnings };
}

/** Refused here, because the vendor would refuse it too, or speak the beginning alone. */
function refuseLongText(text: string, maxCharacters = Number.POSITIVE_INFINITY): void {
  const length = [...text].length;
  if (length <= maxCharacters) return;
  const description = `has ${length} characters, and the provider takes ${maxCharacters}: send it in pieces`;
  throw new LivellmError("invalid_argument", "context_too_long", `text: ${description}`, {
    violations: [{ field: "text", description, reason: "TOO_LONG" }],
  });
}

function toFormatFields(request: SpeechRequest, dialect: SpeechDialect) {
  const { responseFormat, namesRate } = findFormat(request, dialect.formats);
  return {
    response_format: responseFormat as SpeechCreateParams["response_format"],
    ...(namesRate && { sample_rate: request.format.sampleRateHertz }),
  };
}

function findFormat({ format, model }: SpeechRequest, formats: readonly SpeechFormat[]): SpeechFormat {
  const found = formats.find(
    ({ format: made }) => made.mimeType === format.mimeType && made.sampleRateHertz === format.sampleRateHertz,
  );
  if (found) return found;
  throw unsupported("config.format", `${model} does not make ${format.mimeType} at ${format.sampleRateHertz} Hz`);
}

function toInstructions({ instructions, model }: SpeechRequest, dialect: SpeechDialect, notes: Notes) {
  if (instructions === "") return {};
  if (!dialect.withoutInstructions?.test(model)) return { instructions };
  notes.ignored("config.instructions");
  return {};
}
