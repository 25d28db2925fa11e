import { Code, ConnectError } from "@connectrpc/connect";
import { codeFromString, codeToString } from "@connectrpc/connect/protocol-connect";
import type { Logger } from "pino";
import {
  cancelled,
  deadlineExceeded,
  type ErrorCode,
  type ErrorFacts,
  type FailureReason,
  LivellmError,
} from "../core/error.ts";
import { cut, detailsOf } from "./error-detail.ts";

/** What of an error is counted. */
export type Failure = Pick<LivellmError, "code" | "reason">;

/** Turns anything thrown into the status that the caller gets. */
export type ExplainError = (error: unknown, requestId: string, signal?: AbortSignal) => ConnectError;

/**
 * The one place where errors become statuses. A LivellmError keeps its code and message; what nobody foresaw becomes
 * `internal` without a word of it, and is logged here, once, with its stack. `signal` is the call's: when it is aborted,
 * the caller's own cancel or deadline is the reason, whatever came of it deeper down. `told` hears of each error once, also of
 * those of requests that never became calls; `unforeseen` of each that is logged.
 */
export function createErrorExplainer(
  logger: Logger,
  told?: (failure: Failure) => void,
  unforeseen?: (error: unknown, requestId: string) => void,
): ExplainError {
  return (error, requestId, signal) => {
    if (error instanceof ConnectError && error.details.length > 0) return error;
    const known = recogniseError(error, signal);
    if (!known) {
      logger.error({ err: error, requestId }, "unexpected error");
      unforeseen?.(error, requestId);
    }
    const failure = known ?? unexpected(requestId);
    told?.(failure);
    return toConnectError(failure, requestId);
  };
}

/** The code a caller gets for an error, as `createErrorExplainer` would give it. */
export function codeOfError(error: unknown, signal: AbortSignal): ErrorCode {
  return failureOf(error, signal).code;
}

/** The same with the reason; both are of few values, and tell nothing of what was said. */
export function failureOf(error: unknown, signal: AbortSignal): Failure {
  if (error instanceof ConnectError && error.details.length > 0) {
    const reason = error.cause instanceof LivellmError ? error.cause.reason : "unspecified";
    return { code: codeToString(error.code) as ErrorCode, reason };
  }
  return recogniseError(error, signal) ?? { code: "internal", reason: "internal" };
}

/** Undefined for errors that nobody foresaw. */
function recogniseError(error: unknown, signal: AbortSignal | undefined): LivellmError | undefined {
  if (signal?.aborted) return abortError(signal).with({ attempts: attemptsOf(error) });
  if (error instanceof LivellmError) return error;
  if (!(error instanceof ConnectError)) return undefined;
  // Connect wraps what its JSON reader throws.
  return error.cause instanceof LivellmError ? error.cause : fromConnect(error);
}

/** What was tried before the caller left, or ran out of time. */
function attemptsOf(error: unknown): ErrorFacts["attempts"] {
  return error instanceof LivellmError ? error.facts.attempts : undefined;
}

/** Why the call was aborted: the deadline, a shutdown that says so itself, else the caller going away. */
export function abortError({ reason }: AbortSignal): LivellmError {
  if (reason instanceof LivellmError) return reason;
  if (reason instanceof ConnectError && reason.code === Code.DeadlineExceeded) return deadlineExceeded();
  return cancelled();
}

/** Connect's own errors: malformed messages, messages that are too large, protocols broken. */
function fromConnect(error: ConnectError): LivellmError {
  const code = codeToString(error.code) as ErrorCode;
  const maxBytes = /larger than configured readMaxBytes (\d+)/.exec(error.rawMessage)?.[1];
  if (maxBytes !== undefined) return tooLarge(code, maxBytes);
  return new LivellmError(code, reasons[code] ?? "unspecified", error.rawMessage);
}

/** As it reads on plain HTTP: Connect names an option of its own. */
function tooLarge(code: ErrorCode, maxBytes: string): LivellmError {
  const message = `the request is larger than the ${maxBytes} bytes this server takes`;
  return new LivellmError(code, "invalid_request", message, { metadata: { maxBytes } });
}

const reasons: Partial<Record<ErrorCode, FailureReason>> = {
  canceled: "cancelled",
  invalid_argument: "invalid_request",
  resource_exhausted: "invalid_request",
  unimplemented: "unsupported",
  deadline_exceeded: "timeout",
  internal: "internal",
};

function unexpected(requestId: string): LivellmError {
  return new LivellmError("internal", "internal", `internal error; see the server's log for request ${requestId}`);
}

/** What a client may take of trailers is 8 KiB; a little is left for the others. */
const maxTrailerBytes = 8_000;
const maxEncodedMessageBytes = 1_000;

function toConnectError(error: LivellmError, requestId: string): ConnectError {
  const code = codeFromString(error.code) ?? Code.Unknown;
  const message = fitMessage(error.message);
  const status = new ConnectError(message, code, { ...requestIdHeader(requestId), ...whatToDo(error) }, [], error);
  status.details = [...detailsOf(error, requestId, roomForDetails(message))];
  return status;
}

/** What HTTP has a header for; on gRPC they are trailers beside ErrorDetail. Not Basic: browsers would ask for a password. */
function whatToDo({ code, facts }: LivellmError): Record<string, string> {
  const { retryAfterMs } = facts;
  return {
    ...(code === "unauthenticated" && { "www-authenticate": 'Bearer realm="livellm"' }),
    ...(retryAfterMs !== undefined && { "retry-after": String(Math.max(1, Math.ceil(retryAfterMs / 1_000))) }),
  };
}

/** In a gRPC trailer a message is percent-encoded: up to nine bytes for a character. */
function fitMessage(message: string): string {
  for (let length = 500; ; length = Math.floor(length / 2)) {
    const short = cut(message, length);
    if (encodeURIComponent(short).length <= maxEncodedMessageBytes) return short;
  }
}

/** gRPC sends the message twice: percent-encoded, and with the details in base64. */
function roomForDetails(message: string): number {
  const encoded = encodeURIComponent(message).length;
  return Math.floor(((maxTrailerBytes - encoded) * 3) / 4) - Buffer.byteLength(message) - 100;
}

/** A message may name an id that no header can carry; it is percent-encoded then. */
export function requestIdHeader(requestId: string): Record<string, string> {
  if (requestId === "") return {};
  return {
    "x-request-id": /^[\x21-\x7e]+$/.test(requestId) ? requestId : encodeURIComponent(requestId.toWellFormed()),
  };
}
