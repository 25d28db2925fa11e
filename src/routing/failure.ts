import type { LivellmError } from "../core/error.ts";
import type { Failure } from "../core/route.ts";

/** An error as it is listed with an attempt or a provider. */
export function toFailure(error: LivellmError): Failure {
  const { httpStatus, providerCode, providerRequestId, retryAfterMs } = error.facts;
  return {
    reason: error.reason,
    message: error.message.slice(0, 500),
    httpStatus,
    providerCode,
    providerRequestId,
    retryAfterMs,
  };
}

const down: readonly LivellmError["reason"][] = [
  "provider_unavailable",
  "network",
  "timeout",
  "stream_broken",
  "bad_provider_response",
  "rate_limited",
];

/** Whether a failure says that the provider does not answer as it should; a 4xx other than 408 and 429 does not. */
export function speaksOfOutage({ reason, facts: { httpStatus = 0 } }: LivellmError): boolean {
  if (httpStatus >= 400) return httpStatus >= 500 || httpStatus === 408 || httpStatus === 429;
  return down.includes(reason);
}
