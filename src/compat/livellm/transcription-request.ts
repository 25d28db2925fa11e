import { base64 } from "../agent-messages.ts";
import { audioFile, readGenConfig } from "../form-fields.ts";
import type { Form } from "../multipart.ts";
import { type Recording, splitTranscriptionSettings, type TranscriptionPlan } from "../recording.ts";
import { type Issue, Rejected } from "../rejected.ts";
import {
  type At,
  below,
  dictionary,
  invalid,
  object,
  optional,
  type Reader,
  report,
  required,
  text,
} from "../schema.ts";
import { type Alternatives, alternatives, type Group, grouped } from "./fallback-request.ts";
import { routeThrough } from "./route.ts";

const transcribeRequest = object({
  provider_uid: required(text),
  model: required(text),
  file: required(fileOf),
  language: optional(text),
  gen_config: optional(dictionary),
});

/** TranscribeRequest as livellm's clients write it, checked. */
export type TranscribeRequest = Exclude<ReturnType<typeof transcribeRequest>, typeof invalid>;

/** TranscribeRequest or TranscribeFallbackRequest. */
export const transcriptionBody: Reader<Alternatives<TranscribeRequest>> = alternatives(
  { name: "TranscribeRequest", read: transcribeRequest },
  "TranscribeFallbackRequest",
);

/** `[name, base64, media type]`. */
function fileOf(value: unknown, at: At): Recording | typeof invalid {
  if (!Array.isArray(value) || value.length !== 3) {
    const msg = "Value error, file must be a tuple/list of 3 elements: (filename, content, content_type)";
    return report(at, { type: "value_error", msg, input: value, ctx: { error: {} } });
  }
  const filename = text(value[0], below(at, 0));
  const content = base64(value[1], below(at, 1));
  const contentType = text(value[2], below(at, 2));
  if (filename === invalid || content === invalid || contentType === invalid) return invalid;
  return { filename, bytes: new Uint8Array(Buffer.from(content, "base64")), contentType };
}

/** The calls that a body asks for, in order. Requests that differ in model and options alone are one call. */
export function transcriptionPlansOf(body: Alternatives<TranscribeRequest>): readonly TranscriptionPlan[] {
  if (body.requests.length === 0) routeThrough([], body);
  return grouped(body.requests, contentOf).map((group) => planOf(group, body));
}

function contentOf({ file, language, gen_config }: TranscribeRequest): object {
  return { file, language, prompt: splitTranscriptionSettings(gen_config ?? {}).prompt };
}

function planOf(group: Group<TranscribeRequest>, body: Alternatives<TranscribeRequest>): TranscriptionPlan {
  const [{ file, language, gen_config }] = group;
  const choices = group.map((request) => ({
    providerUid: request.provider_uid,
    model: request.model,
    options: splitTranscriptionSettings(request.gen_config ?? {}).options,
  }));
  return { route: routeThrough(choices, body), recording: file, language, settings: gen_config ?? {} };
}

/** A form on `/audio/transcribe`. Throws {@link Rejected} with the sentences of livellm's code. */
export function requestOfForm({ fields, file }: Form): TranscribeRequest {
  const missing = ["provider_uid", "model"].filter((name) => !fields[name]).map(missingField);
  if (!file) missing.push(missingField("file"));
  if (missing.length > 0 || !file) throw new Rejected(422, missing);
  return {
    provider_uid: fields.provider_uid ?? "",
    model: fields.model ?? "",
    file: audioFile(file),
    language: fields.language || undefined,
    gen_config: readGenConfig(fields.gen_config),
  };
}

function missingField(name: string): Issue {
  return { type: "missing", loc: ["body", name], msg: "Field required", input: null };
}
