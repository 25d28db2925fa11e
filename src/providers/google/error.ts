import { LivellmError } from "../../core/error.ts";
import { isJsonObject, type JsonObject } from "../../core/json.ts";
import type { ErrorExplanation } from "../../core/upstream.ts";
import { redactor } from "../../upstream/redact.ts";
import { meaningOfStatus } from "../../upstream/status.ts";
import { objects, text } from "../openai-compatible/json-fields.ts";

/**
 * Reads a refusal: `{error: {code, message, status, details}}`, or that in a list, as streams without `alt=sse` have it. The
 * body says two things that a status does not: how long to wait, and that a key is wrong, which comes as 400. Pure.
 */
export function explainGoogleError(body: string): ErrorExplanation {
  const value = parse(body);
  const error = errorOf(value);
  return error ? explain(error) : { message: typeof value === "string" ? value : "" };
}

/** The error in an answer, or in a list of them; undefined when there is none. */
export function errorOf(value: unknown): JsonObject | undefined {
  if (Array.isArray(value)) return value.map(errorOf).find((error) => error !== undefined);
  return isJsonObject(value) && isJsonObject(value.error) ? value.error : undefined;
}

/** An error that came inside a stream, after 200. */
export function streamError(error: JsonObject, providerRequestId?: string): LivellmError {
  const explained = explain(error);
  const httpStatus = typeof error.code === "number" ? error.code : 0;
  const meaning = meaningOfStatus(httpStatus >= 400 ? httpStatus : 503);
  return new LivellmError(
    explained.code ?? meaning.code,
    explained.reason ?? meaning.reason,
    `the provider broke off with an error: ${redact(explained.message) || "no explanation"}`,
    {
      providerRequestId,
      providerCode: explained.providerCode,
      retryAfterMs: explained.retryAfterMs,
      ...(httpStatus >= 400 && { httpStatus }),
    },
  );
}

/** A WebSocket that was closed with a reason in place of an answer, such as `models/x is not found for API version v1beta`. */
export function socketRefused(code: number, message: string): LivellmError {
  const status = statusOf(code, message);
  const { reason, code: meant } = meaningOf("", message, []);
  const meaning = meaningOfStatus(status);
  const said = `the provider closed the WebSocket: ${redact(message) || "no explanation"} (${code})`;
  return new LivellmError(meant ?? meaning.code, reason ?? meaning.reason, said, { providerCode: String(code) });
}

/** The HTTP status that says the same; 1007 is Google's for a request that it does not take. */
function statusOf(code: number, message: string): number {
  if (/\bnot found\b|not supported for bidi/i.test(message)) return 404;
  if (/quota|rate limit/i.test(message)) return 429;
  return code === 1007 ? 400 : 503;
}

/** The vendor would not read the prompt. */
export function promptBlocked({ blockReason, blockReasonMessage }: JsonObject): LivellmError {
  const why = text(blockReason);
  const message = text(blockReasonMessage);
  return new LivellmError(
    "invalid_argument",
    "content_blocked",
    `the provider blocked the prompt: ${why}${message && `: ${redact(message)}`}`,
    { providerCode: why },
  );
}

function explain(error: JsonObject): ErrorExplanation {
  const details = objects(error.details);
  const info = detail(details, "ErrorInfo");
  const message = text(error.message);
  const providerCode = text(info.reason) || text(error.status);
  const retryAfterMs = toMilliseconds(detail(details, "RetryInfo").retryDelay);
  return {
    message,
    ...(providerCode && { providerCode }),
    ...meaningOf(text(info.reason), message, details),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
}

/** A detail by its type: `type.googleapis.com/google.rpc.RetryInfo`. */
function detail(details: readonly JsonObject[], type: string): JsonObject {
  return details.find((one) => text(one["@type"]).endsWith(`.${type}`)) ?? {};
}

function meaningOf(
  reason: string,
  message: string,
  details: readonly JsonObject[],
): Pick<ErrorExplanation, "reason" | "code"> {
  if (reason.startsWith("API_KEY_") || badKey.test(message))
    return { code: "failed_precondition", reason: "provider_auth" };
  if (tooLong.test(message)) return { reason: "context_too_long" };
  if (isDailyQuota(detail(details, "QuotaFailure"))) return { reason: "quota_exhausted" };
  return {};
}

/** A WebSocket is closed with a sentence and nothing else. */
const badKey = /API key (not valid|expired)/i;
/** Google has no code for it. */
const tooLong = /token count.*exceeds the maximum|exceeds the maximum number of tokens/i;

/** A quota of a minute comes back by itself; that of a day is used up. */
function isDailyQuota({ violations }: JsonObject): boolean {
  return objects(violations).some(({ quotaId }) => text(quotaId).includes("PerDay"));
}

/** A `google.protobuf.Duration` in JSON, such as `3.5s`, in milliseconds. */
export function toMilliseconds(duration: unknown): number | undefined {
  const match = /^(\d+(?:\.\d+)?)s$/.exec(text(duration));
  return match ? Math.round(Number(match[1]) * 1000) : undefined;
}

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
