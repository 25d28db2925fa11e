import type { DescEnum } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { type ErrorDetail, ErrorDetailSchema } from "../../gen/livellm/v1/error_pb.ts";
import { type Attempt, Attempt_OutcomeSchema, Failure_Reason } from "../../gen/livellm/v1/route_pb.ts";
import { CommandFailure, type ExitCode, exitCodes } from "./exit-codes.ts";

/** What is known of a call that failed. */
export interface FailedCall {
  readonly url: string;
  /** Whether something of the answer has been written already. */
  readonly begun?: boolean;
  /** What the answer is called where it is not complete: `the answer`. */
  readonly what?: string;
}

/** Puts a call's error into lines for people: the status, every field that was wrong, every target that was tried, what to do. */
export function callFailure(error: unknown, { url, begun = false, what = "the answer" }: FailedCall): CommandFailure {
  if (error instanceof CommandFailure) return error;
  const failure = ConnectError.from(error);
  const [detail] = failure.findDetails(ErrorDetailSchema);
  if (failure.code === Code.Canceled && !detail) return interrupted(begun, what);
  const notReached = detail === undefined && isNoAnswer(failure) && !begun;
  return new CommandFailure(exitCodeOf(notReached, begun), [
    `${codeInWords(failure.code)}: ${notReached ? wayInWords(failure.rawMessage) : failure.rawMessage}`,
    ...(detail ? linesOf(detail) : []),
    ...(begun ? [`${what} is not complete: it broke off where it ends`] : []),
    ...(notReached ? [`no gateway answers at ${url}: start one with "livellm serve", or name another with --url`] : []),
    ...whatToDo(failure, detail),
  ]);
}

function interrupted(begun: boolean, what: string): CommandFailure {
  return new CommandFailure(exitCodes.interrupted, [begun ? `cancelled: ${what} is not complete` : "cancelled"]);
}

function exitCodeOf(notReached: boolean, begun: boolean): ExitCode {
  if (notReached) return exitCodes.unreachable;
  return begun ? exitCodes.incomplete : exitCodes.failed;
}

/** The gateway's own errors have a detail, so these come from the way there. */
function isNoAnswer({ code }: ConnectError): boolean {
  return code === Code.Unavailable || code === Code.Unknown || code === Code.Internal;
}

/** What went wrong on the way there, where node has only a library's words for it. */
function wayInWords(message: string): string {
  if (/SSL routines/.test(message))
    return "no TLS is spoken there that this program can use; is the address one of http://?";
  if (/^Protocol error$/i.test(message)) return "what answers there speaks no HTTP/2: a proxy, or another program";
  return message.trim();
}

function linesOf({ fieldViolations, attempts, retryAfter, requestId }: ErrorDetail): readonly string[] {
  return [
    // The message is the first of them.
    ...fieldViolations.slice(1).map(({ field, description }) => `  ${field}: ${description}`),
    ...attempts.map((attempt) => `  ${describeAttempt(attempt)}`),
    ...(retryAfter ? [`  try again after ${Number(retryAfter.seconds) + Math.ceil(retryAfter.nanos / 1e9)} s`] : []),
    ...(requestId ? [`  request ${requestId}`] : []),
  ];
}

function whatToDo({ code }: ConnectError, detail: ErrorDetail | undefined): readonly string[] {
  if (code === Code.Unauthenticated)
    return ["set LIVELLM_TOKEN, or name a file that holds the token with --token-file"];
  if (code === Code.PermissionDenied && detail?.reason === Failure_Reason.PERMISSION_DENIED)
    return ["the token in use is not allowed to do this"];
  if (detail?.fieldViolations.some(({ field, reason }) => field === "provider.apiKey" && reason === "REQUIRED"))
    return ["--api-key-env names the variable of the environment that has the key, --api-key-file the file"];
  if (code === Code.NotFound) return ['"livellm models" and "livellm providers" list what there is'];
  return [];
}

/** One target that was tried, in a line. */
export function describeAttempt({ provider, model, outcome, failure, elapsedMs }: Attempt): string {
  const name = `${provider || "inline provider"} ${model}`.trim();
  const how = wordOf(Attempt_OutcomeSchema, outcome);
  const why = failure?.message ? `: ${failure.message}` : "";
  return `${name} ${how} after ${(elapsedMs / 1000).toFixed(2)} s${why}`;
}

/** A value of an enum in words; one that a later server has added is its number. */
export function wordOf(kind: DescEnum, value: number): string {
  return kind.value[value]?.localName.toLowerCase().replaceAll("_", " ") ?? String(value);
}

/** `unavailable`, `deadline exceeded`. */
function codeInWords(code: Code): string {
  const word = Code[code] ?? "unknown";
  return word.replace(/(?<=[a-z])[A-Z]/g, " $&").toLowerCase();
}
