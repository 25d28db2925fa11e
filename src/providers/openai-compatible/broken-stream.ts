import { LivellmError } from "../../core/error.ts";

/** A vendor's stream that ended before its own terminal event; `missing` names that event. The text so far was delivered. */
export function brokenStream(missing: string): LivellmError {
  return new LivellmError("unavailable", "stream_broken", `the provider's stream ended without ${missing}`);
}

/** A 2xx answer that is not what the vendor documents; `what` says in a few words, without quoting it. */
export function unreadableAnswer(what: string, cause?: unknown): LivellmError {
  return new LivellmError("internal", "bad_provider_response", `the provider sent ${what}`, { cause });
}
