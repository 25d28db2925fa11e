import type { FailureReason } from "./failure.ts";
import type { Attempt } from "./route.ts";

export type { FailureReason } from "./failure.ts";

/** gRPC's status codes, as Connect spells them. */
export type ErrorCode =
  | "canceled"
  | "unknown"
  | "invalid_argument"
  | "deadline_exceeded"
  | "not_found"
  | "already_exists"
  | "permission_denied"
  | "resource_exhausted"
  | "failed_precondition"
  | "aborted"
  | "out_of_range"
  | "unimplemented"
  | "internal"
  | "unavailable"
  | "data_loss"
  | "unauthenticated";

/** The contract's stable words for the rule a field broke. */
export type ViolationReason =
  | "REQUIRED"
  | "TOO_LONG"
  | "TOO_MANY"
  | "OUT_OF_RANGE"
  | "PATTERN"
  | "CONFLICT"
  | "UNKNOWN"
  | "UNSUPPORTED"
  | "IMMUTABLE";

/** One request field that broke a rule; `field` is its path in JSON names, such as `route.targets[1].model`. */
export interface Violation {
  readonly field: string;
  readonly description: string;
  readonly reason: ViolationReason;
}

/** What a {@link LivellmError} carries besides its code, reason and message. */
export interface ErrorFacts {
  /** The HTTP status the provider answered with. */
  readonly httpStatus?: number;
  /** The provider's own error code. */
  readonly providerCode?: string;
  /** The provider's own id for the request. */
  readonly providerRequestId?: string;
  /** How long the provider, or this server's own limit, asks to wait. */
  readonly retryAfterMs?: number;
  readonly violations?: readonly Violation[];
  readonly attempts?: readonly Attempt[];
  /** Further facts named in the message; keys are lowerCamelCase. */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

/**
 * The one error of this server. `code` is what the caller gets as the status, `reason` what a program can act on, `message`
 * a sentence for a person: what was wrong, which provider, what to do. It never holds a secret or the caller's content.
 */
export class LivellmError extends Error {
  override readonly name = "LivellmError";
  readonly code: ErrorCode;
  readonly reason: FailureReason;
  readonly facts: ErrorFacts;

  constructor(code: ErrorCode, reason: FailureReason, message: string, facts: ErrorFacts = {}) {
    super(message, { cause: facts.cause });
    this.code = code;
    this.reason = reason;
    this.facts = facts;
  }

  /** The same error with more facts, or another message. */
  with(facts: ErrorFacts, message = this.message): LivellmError {
    return new LivellmError(this.code, this.reason, message, {
      ...this.facts,
      cause: this.facts.cause ?? this,
      ...facts,
    });
  }
}

/** The request breaks rules of this API; the message is that of the first violation, and says how many there are. */
export function invalidRequest(violations: readonly Violation[]): LivellmError {
  const [first] = violations;
  const more = violations.length > 1 ? ` (and ${violations.length - 1} more)` : "";
  const where = first?.field ? `${first.field}: ` : "";
  return new LivellmError(
    "invalid_argument",
    "invalid_request",
    `${where}${first?.description ?? "bad request"}${more}`,
    {
      violations,
    },
  );
}

/** The caller went away. */
export function cancelled(): LivellmError {
  return new LivellmError("canceled", "cancelled", "the caller cancelled the call");
}

/** The caller's deadline passed. */
export function deadlineExceeded(): LivellmError {
  return new LivellmError("deadline_exceeded", "timeout", "the caller's deadline passed");
}
