import { type FailureReason, LivellmError } from "../../core/error.ts";
import { isJsonObject, type JsonObject } from "../../core/json.ts";
import type { ErrorExplanation } from "../../core/upstream.ts";
import { redactor } from "../../upstream/redact.ts";
import { codeOfReason } from "../../upstream/status.ts";
import { object, objects, text } from "../openai-compatible/json-fields.ts";

/** Reads an error body: `{detail: {status | code, message}}`, FastAPI's `{detail: [{loc, msg}]}`, or `{detail: "…"}`. */
export function explainElevenLabsError(body: string): ErrorExplanation {
  const answer = parse(body);
  if (!isJsonObject(answer)) return { message: text(answer) };
  const detail = object(answer.detail);
  const word = text(detail.code) || text(detail.status) || text(answer.code);
  const reason = reasons.get(text(detail.status)) ?? reasons.get(word);
  return { message: messageOf(answer), ...(word && { providerCode: word }), ...(reason && { reason }) };
}

/** An error that came as an answer with status 200. */
export function errorInAnswer(said: unknown): LivellmError | undefined {
  if (!isJsonObject(said)) return undefined;
  const { message, providerCode = "" } = explainElevenLabsError(JSON.stringify(said));
  return sessionError(providerCode, message);
}

/** An error that came in a WebSocket; `word` is the vendor's name for it. */
export function sessionError(word: string, said: string): LivellmError {
  const reason = reasons.get(word) ?? "provider_unavailable";
  const message = `the provider broke off with ${word || "an error"}: ${redact(said).slice(0, 400) || "no explanation"}`;
  return new LivellmError(codeOfReason(reason), reason, message, { ...(word && { providerCode: word }) });
}

/** Upstream takes keys out of HTTP errors; these come past it. */
const redact = redactor([]);

function messageOf(answer: JsonObject): string {
  const detail = object(answer.detail);
  const violations = objects(answer.detail).map(({ loc, msg }) => `${wherein(loc)}${text(msg)}`);
  const said = [text(detail.message), text(answer.detail), text(answer.message), text(answer.error), ...violations];
  return said.filter((part) => part !== "").join(": ");
}

function wherein(location: unknown): string {
  return Array.isArray(location) ? `${location.join(".")}: ` : "";
}

/** elevenlabs.io/docs/eleven-api/resources/errors, and the `message_type` of realtime errors. */
const reasons = new Map<string, FailureReason>([
  ["quota_exceeded", "quota_exhausted"],
  ["insufficient_credits", "quota_exhausted"],
  ["payment_required", "quota_exhausted"],
  ["invalid_api_key", "provider_auth"],
  ["missing_permissions", "provider_auth"],
  ["needs_authorization", "provider_auth"],
  ["auth_error", "provider_auth"],
  ["unaccepted_terms", "provider_auth"],
  ["too_many_concurrent_requests", "rate_limited"],
  ["concurrent_limit_exceeded", "rate_limited"],
  ["rate_limited", "rate_limited"],
  ["rate_limit_exceeded", "rate_limited"],
  ["resource_exhausted", "rate_limited"],
  ["max_active_conversations", "rate_limited"],
  ["system_busy", "provider_unavailable"],
  ["max_character_limit_exceeded", "context_too_long"],
  ["text_too_long", "context_too_long"],
  ["model_not_found", "model_not_found"],
  ["voice_not_found", "not_found"],
  ["content_against_policy", "content_blocked"],
  ["blocked_generation", "content_blocked"],
  ["input_error", "provider_rejected"],
  ["invalid_request", "provider_rejected"],
  ["chunk_size_exceeded", "provider_rejected"],
]);

/** A body that is no JSON explains itself, or is a proxy's page, which explains nothing. */
function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return /^\s*</.test(body) ? "" : body.trim();
  }
}
