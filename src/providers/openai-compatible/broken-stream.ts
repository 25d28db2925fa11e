import { LivellmError } from "../../core/error.ts";

/**
 * A vendor's stream that ended before its own terminal event, which `missing` names. The text so far was delivered.
 * `providerRequestId` is the vendor's own id for the request.
 */
export function brokenStream(missing: string, providerRequestId?: string): LivellmError {
  const message = `the provider's stream ended without ${missing}`;
  return new LivellmError("unavailable", "stream_broken", message, { providerRequestId });
}

/** A 2xx answer that is not what the vendor documents; `what` says in a few words, without quoting it. */
export function unreadableAnswer(what: string, cause?: unknown): LivellmError {
  return new LivellmError("internal", "bad_provider_response", `the provider sent ${what}`, { cause });
}
