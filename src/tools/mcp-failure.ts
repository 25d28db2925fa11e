import { type ErrorCode, LivellmError } from "../core/error.ts";

/** What a failure of an MCP client comes down to: our own error beneath it, an HTTP status, or neither. */
interface Cause {
  readonly own?: LivellmError;
  readonly httpStatus?: number;
}

/**
 * An MCP server that cannot be used for a run: `tool_failed`, or `permission_denied` where its address may not be called.
 * `field` is its path in the request; the message names only the host.
 */
export function serverFailed(field: string, host: string, error: unknown): LivellmError {
  const { own, httpStatus } = causeOf(error);
  if (own?.reason === "permission_denied") {
    return own.with({ metadata: { field: `${field}.url` } }, `${field}.url: ${own.message}`);
  }
  const { code, what } = own ? { code: codeOf(own), what: own.message } : explainStatus(httpStatus, host);
  return new LivellmError(code, "tool_failed", `${field}: ${what}`, { cause: error, httpStatus, metadata: { field } });
}

/** A sentence that a model can read about a call that failed. */
export function callFailure(error: unknown): string {
  const { own, httpStatus } = causeOf(error);
  if (own) return `the tool could not be called: ${own.message}`;
  if (httpStatus) return `the tool could not be called: its server answered ${httpStatus}`;
  if (wantsInput(error)) return "the tool asks for input from a person, which is not possible here";
  return `the tool failed: ${error instanceof Error ? error.message : "no reason given"}`;
}

function codeOf({ code }: LivellmError): ErrorCode {
  return code === "unavailable" ? "unavailable" : "failed_precondition";
}

function explainStatus(status: number | undefined, host: string): { code: ErrorCode; what: string } {
  if (status === undefined) return { code: "failed_precondition", what: `${host} does not answer as an MCP server` };
  if (status === 401 || status === 403) {
    return { code: "failed_precondition", what: `the MCP server ${host} answered ${status}: check its headers` };
  }
  if (status === 429 || status >= 500)
    return { code: "unavailable", what: `the MCP server ${host} answered ${status}` };
  return { code: "failed_precondition", what: `the MCP server ${host} answered ${status}: check its url` };
}

/** The client wraps what its `fetch` threw, and what the server answered, at various depths. */
function causeOf(error: unknown, depth = 0): Cause {
  if (error instanceof LivellmError) return { own: error };
  if (!(error instanceof Error) || depth > 5) return {};
  if ("status" in error && typeof error.status === "number") return { httpStatus: error.status };
  return causeOf(error.cause, depth + 1);
}

function wantsInput(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "UNSUPPORTED_RESULT_TYPE";
}
