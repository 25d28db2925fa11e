import { type AudioForm, formNames, readOutputFormat } from "../audio-form.ts";
import type { JsonObject } from "../json.ts";
import {
  type At,
  below,
  checked,
  dictionary,
  integer,
  invalid,
  object,
  oneOf,
  optional,
  type Reader,
  report,
  required,
  text,
  withDefault,
} from "../schema.ts";
import { type SpeechPlan, splitSpeechSettings } from "../speech.ts";
import { type Alternatives, alternatives, type Group, grouped } from "./fallback-request.ts";
import { routeThrough } from "./route.ts";

const sampleRate = integer({ ge: 8_000, le: 48_000 });
const mimeTypes = oneOf(["audio/pcm", "audio/wav", "audio/mpeg", "audio/ulaw", "audio/alaw"]);

const fields = object({
  provider_uid: required(text),
  model: required(text),
  text: required(checked(text, (value) => (value.trim() === "" ? "Text cannot be empty" : undefined))),
  voice: required(text),
  mime_type: optional(mimeTypes),
  sample_rate: optional(sampleRate),
  output_format: optional(text),
  chunk_size: withDefault(integer({ ge: 1, le: 1_000 }), () => 20),
  gen_config: optional(dictionary),
});

type Fields = Exclude<ReturnType<typeof fields>, typeof invalid>;

/** SpeakRequest as livellm's clients write it, checked. */
export interface SpeakRequest extends Fields {
  readonly form: AudioForm;
}

const speakRequest: Reader<SpeakRequest> = (value, at) => {
  const read = fields(value, at);
  if (read === invalid) return invalid;
  const form = formOf(read, value, at);
  return form === invalid ? invalid : { ...read, form };
};

/** `mime_type` and `sample_rate`, as the code has it; or `output_format`, as the README does. */
function formOf(read: Fields, value: unknown, at: At): AudioForm | typeof invalid {
  const { mime_type, sample_rate, output_format } = read;
  if (mime_type === undefined && output_format !== undefined) {
    const form = readOutputFormat(output_format);
    if (form) return { ...form, sampleRate: sample_rate ?? form.sampleRate };
    const msg = `Value error, Unknown output_format; the names are ${formNames}`;
    return report(below(at, "output_format"), { type: "value_error", msg, input: output_format, ctx: { error: {} } });
  }
  const missing = (name: string) => report(below(at, name), { type: "missing", msg: "Field required", input: value });
  if (mime_type === undefined) missing("mime_type");
  if (sample_rate === undefined) missing("sample_rate");
  return mime_type === undefined || sample_rate === undefined
    ? invalid
    : { mimeType: mime_type, sampleRate: sample_rate };
}

/** SpeakRequest or AudioFallbackRequest. */
export const speechBody: Reader<Alternatives<SpeakRequest>> = alternatives(
  { name: "SpeakRequest", read: speakRequest },
  "AudioFallbackRequest",
);

/** The calls that a body asks for, in order. Requests that differ in model, voice and options alone are one call. */
export function speechPlansOf(body: Alternatives<SpeakRequest>): readonly SpeechPlan[] {
  if (body.requests.length === 0) routeThrough([], body);
  return grouped(body.requests, contentOf).map((group) => planOf(group, body));
}

function contentOf(request: SpeakRequest): object {
  const { text: words, form, chunk_size } = request;
  return { words, form, chunk_size, fields: splitSpeechSettings(settingsOf(request)).fields };
}

function settingsOf({ gen_config }: SpeakRequest): JsonObject {
  return gen_config ?? {};
}

function planOf(group: Group<SpeakRequest>, body: Alternatives<SpeakRequest>): SpeechPlan {
  const [first] = group;
  const choices = group.map((request) => ({
    providerUid: request.provider_uid,
    model: request.model,
    voice: request.voice,
    options: splitSpeechSettings(settingsOf(request)).options,
  }));
  return {
    route: routeThrough(choices, body),
    text: first.text,
    form: first.form,
    settings: settingsOf(first),
    // The shortest that the gateway cuts; livellm takes shorter ones, which nobody asks for.
    chunkMs: Math.max(10, first.chunk_size),
  };
}
