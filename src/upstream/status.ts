import type { ErrorCode, FailureReason } from "../core/error.ts";

/** What a vendor's HTTP status means to our caller, where the body does not say it better. */
export function meaningOfStatus(status: number): { code: ErrorCode; reason: FailureReason } {
  return byStatus.get(status) ?? (status >= 500 ? unavailable : status >= 400 ? rejected : unreadable);
}

const rejected = { code: "invalid_argument", reason: "provider_rejected" } as const;
const refusedKey = { code: "failed_precondition", reason: "provider_auth" } as const;
const unavailable = { code: "unavailable", reason: "provider_unavailable" } as const;
/** A redirect, or another answer that no vendor documents. */
const unreadable = { code: "internal", reason: "bad_provider_response" } as const;

const byStatus = new Map<number, { code: ErrorCode; reason: FailureReason }>([
  [401, refusedKey],
  [402, { code: "resource_exhausted", reason: "quota_exhausted" }],
  [403, refusedKey],
  [404, { code: "not_found", reason: "model_not_found" }],
  [408, unavailable],
  [413, { code: "invalid_argument", reason: "context_too_long" }],
  [429, { code: "resource_exhausted", reason: "rate_limited" }],
]);

/** The code that goes with a reason where no status says one. */
export function codeOfReason(reason: FailureReason): ErrorCode {
  return byReason[reason] ?? "internal";
}

/** What an error comes to whose body says more than its status: a used-up account is that, whether 400, 401 or 429 says so. */
export function codeOf(reason: FailureReason | undefined, status: number): ErrorCode {
  const meaning = meaningOfStatus(status);
  // That a request was refused the status tells more closely.
  if (reason === undefined || reason === meaning.reason || reason === "provider_rejected") return meaning.code;
  return byReason[reason] ?? meaning.code;
}

const byReason: Readonly<Partial<Record<FailureReason, ErrorCode>>> = {
  quota_exhausted: "resource_exhausted",
  rate_limited: "resource_exhausted",
  context_too_long: "invalid_argument",
  content_blocked: "invalid_argument",
  provider_rejected: "invalid_argument",
  model_not_found: "not_found",
  not_found: "not_found",
  provider_auth: "failed_precondition",
  provider_unavailable: "unavailable",
};

/**
 * How long a vendor asks to wait, in milliseconds: `retry-after-ms` (OpenAI's own), else `retry-after` in seconds or as an
 * HTTP date (RFC 9110, 10.2.3). Undefined when it does not say, or says nonsense.
 */
export function retryAfterMs(header: (name: string) => string | undefined, now: number): number | undefined {
  const milliseconds = Number(header("retry-after-ms") || Number.NaN);
  if (milliseconds >= 0) return milliseconds;
  const value = header("retry-after");
  if (!value) return undefined;
  const seconds = Number(value);
  const wait = Number.isNaN(seconds) ? Date.parse(value) - now : seconds * 1000;
  return wait >= 0 ? wait : undefined;
}
