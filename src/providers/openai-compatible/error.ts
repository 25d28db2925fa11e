import { type FailureReason, LivellmError } from "../../core/error.ts";
import { isJsonObject, type JsonObject } from "../../core/json.ts";
import type { ErrorExplanation } from "../../core/upstream.ts";
import { redactor } from "../../upstream/redact.ts";
import { codeOfReason, meaningOfStatus } from "../../upstream/status.ts";
import { object, objects, text } from "./json-fields.ts";

/** Reads an error body of OpenAI or of a server like it: `{error: {…}}`, `{error: "…"}`, `{message}`, `{detail}`, or text. */
export function explainOpenAIError(body: string, status: number): ErrorExplanation {
  const error = errorOf(parse(body));
  return explain(error, status);
}

/** An error that came inside a stream after 200, or in a failed response. */
export function streamError(error: JsonObject, providerRequestId?: string): LivellmError {
  const status = typeof error.code === "number" ? error.code : Number(error.status ?? 0);
  const { message, reason, providerCode } = explain(error, status);
  const meaning = status >= 400 ? meaningOfStatus(status) : undefined;
  const why = reason ?? meaning?.reason ?? "provider_unavailable";
  return new LivellmError(
    why === meaning?.reason ? meaning.code : codeOfReason(why),
    why,
    `the provider broke off with an error: ${redact(message) || "no explanation"}`,
    { providerCode, providerRequestId, ...(status >= 400 && { httpStatus: status }) },
  );
}

/** The error in whatever wraps it: an object, or with some servers a sentence. */
export function errorOf(value: unknown): JsonObject {
  if (!isJsonObject(value)) return { message: text(value) };
  return value.error === undefined || value.error === null ? value : errorOf(value.error);
}

function explain(error: JsonObject, status: number): ErrorExplanation {
  const words = [error.code, error.type, object(error.innererror).code].map(text).filter((word) => word !== "");
  const message = messageOf(error);
  const reason = reasonOf(words, message, status);
  return {
    message,
    ...(words[0] && { providerCode: words[0] }),
    ...(reason && { reason }),
  };
}

/** OpenRouter puts what the vendor behind it said into `metadata.raw`; FastAPI servers list violations in `detail`. */
function messageOf(error: JsonObject): string {
  const said = [text(error.message), text(error.detail), text(object(error.metadata).raw)];
  const details = objects(error.detail).map((detail) => `${wherein(detail.loc)}${text(detail.msg)}`);
  return [...said, ...details].filter((part) => part !== "").join(": ");
}

function wherein(location: unknown): string {
  return Array.isArray(location) ? `${location.join(".")}: ` : "";
}

function reasonOf(words: readonly string[], message: string, status: number): FailureReason | undefined {
  const named = words.map((word) => reasons.get(word)).find((reason) => reason !== undefined);
  if (named) return named;
  const refused = status === 400 || status === 413 || status === 422 || status === 0;
  if (refused && tooLong.test(message)) return "context_too_long";
  return status === 0 ? words.map((word) => kinds.get(word)).find((reason) => reason !== undefined) : undefined;
}

/** Servers that name no code say it in words: vLLM, LM Studio, Mistral, Together, xAI. */
const tooLong =
  /maximum (context|prompt|model) length|context (length|window)|too many tokens|prompt is too long|too large for model/i;

const reasons = new Map<string, FailureReason>([
  ["insufficient_quota", "quota_exhausted"],
  ["billing_hard_limit_reached", "quota_exhausted"],
  ["billing_not_active", "quota_exhausted"],
  ["rate_limit_exceeded", "rate_limited"],
  ["context_length_exceeded", "context_too_long"],
  ["string_above_max_length", "context_too_long"],
  ["model_not_found", "model_not_found"],
  ["DeploymentNotFound", "model_not_found"],
  ["content_filter", "content_blocked"],
  ["content_policy_violation", "content_blocked"],
  ["image_content_policy_violation", "content_blocked"],
  ["ResponsibleAIPolicyViolation", "content_blocked"],
  ["moderation_blocked", "content_blocked"],
  ["invalid_prompt", "content_blocked"],
  ["bio_policy", "content_blocked"],
  ["cyber_policy_violation", "content_blocked"],
  ["misalignment_policy_violation", "content_blocked"],
  ["invalid_api_key", "provider_auth"],
  ["server_is_overloaded", "provider_unavailable"],
  ["vector_store_timeout", "provider_unavailable"],
  ["invalid_image", "provider_rejected"],
  ["invalid_image_url", "provider_rejected"],
  ["failed_to_download_image", "provider_rejected"],
]);

/** Kinds of errors: the status says more, where there is one. */
const kinds = new Map<string, FailureReason>([
  ["rate_limit_error", "rate_limited"],
  ["server_error", "provider_unavailable"],
  ["overloaded_error", "provider_unavailable"],
  ["invalid_request_error", "provider_rejected"],
]);

/** Upstream takes keys out of HTTP errors; these come past it. */
const redact = redactor([]);

/** A body that is no JSON explains itself, or is a proxy's page, which explains nothing. */
function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return /^\s*</.test(body) ? "" : body.trim();
  }
}
