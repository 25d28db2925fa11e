import { type FailureReason, LivellmError } from "../../core/error.ts";
import type { JsonObject } from "../../core/json.ts";
import type { ErrorExplanation } from "../../core/upstream.ts";
import { redactor } from "../../upstream/redact.ts";
import { meaningOfStatus } from "../../upstream/status.ts";
import { object, text } from "../openai-compatible/json-fields.ts";

/** Reads an error body: `{type: "error", error: {type, message, details: {error_code}}}`, or whatever a proxy sends. */
export function explainAnthropicError(body: string): ErrorExplanation {
  return explain(object(object(parse(body)).error), body);
}

/** An error that came inside a stream, after 200: the status is the one that the API would have answered with. */
export function streamError(error: JsonObject): LivellmError {
  const { message, reason, providerCode } = explain(error, "");
  const meaning = meaningOfStatus(statuses.get(text(error.type)) ?? 500);
  return new LivellmError(
    meaning.code,
    reason ?? meaning.reason,
    `the provider broke off with an error: ${redact(message) || "no explanation"}`,
    { providerCode },
  );
}

function explain(error: JsonObject, body: string): ErrorExplanation {
  const type = text(error.type);
  const code = text(object(error.details).error_code);
  const message = text(error.message);
  const reason = codes.get(code) ?? types.get(type) ?? reasonOf(type, message);
  return {
    message: message || plain(body),
    ...((code || type) && { providerCode: code || type }),
    ...(reason && { reason }),
  };
}

/** The one type for whatever is wrong with a request says in words what it is. */
function reasonOf(type: string, message: string): FailureReason | undefined {
  if (type !== "invalid_request_error") return undefined;
  return sentences.find(([pattern]) => pattern.test(message))?.[1];
}

const sentences: readonly (readonly [RegExp, FailureReason])[] = [
  [/prompt is too long|exceeds? (the )?context (limit|window)|too many (total text bytes|tokens)/i, "context_too_long"],
  [/credit balance is too low/i, "quota_exhausted"],
  [/blocked by content filtering/i, "content_blocked"],
];

/** What the types mean where the status alone would not tell: platform.claude.com, "Errors". */
const types = new Map<string, FailureReason>([
  ["billing_error", "quota_exhausted"],
  ["request_too_large", "context_too_long"],
  ["overloaded_error", "provider_unavailable"],
]);

/** Finer codes, in `details`. */
const codes = new Map<string, FailureReason>([
  ["contract_spend_limit_reached", "quota_exhausted"],
  ["enforced_spend_limit_reached", "quota_exhausted"],
  ["linked_organization_spend_limit_reached", "quota_exhausted"],
  ["linked_organization_billing_unavailable", "quota_exhausted"],
  ["organization_on_hold", "provider_auth"],
]);

/** The status that goes with a type, for errors that come without one. */
const statuses = new Map<string, number>([
  ["invalid_request_error", 400],
  ["authentication_error", 401],
  ["billing_error", 402],
  ["permission_error", 403],
  ["not_found_error", 404],
  ["request_too_large", 413],
  ["rate_limit_error", 429],
  ["api_error", 500],
  ["timeout_error", 504],
  ["overloaded_error", 529],
]);

/** Upstream takes keys out of HTTP errors; these come past it. */
const redact = redactor([]);

/** A body without an error of the vendor's explains itself, unless it is JSON or a proxy's page. */
function plain(body: string): string {
  return /^\s*[<{[]/.test(body) ? "" : body.trim();
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
