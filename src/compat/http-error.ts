import { Code, type ConnectError } from "@connectrpc/connect";
import { type ErrorDetail, ErrorDetailSchema } from "../../gen/livellm/v1/error_pb.ts";
import { Failure_Reason as Reason } from "../../gen/livellm/v1/route_pb.ts";
import type { ExplainError } from "./gateway.ts";
import { maskedIssue } from "./masked-issue.ts";
import { type Issue, Rejected } from "./rejected.ts";

/** An error as a surface of HTTP tells it. */
export interface HttpError {
  readonly status: number;
  /** A text, or FastAPI's list. */
  readonly detail: string | readonly Issue[];
  /** The detail as one text. */
  readonly message: string;
  /** Whole seconds to wait, where somebody said so. */
  readonly retryAfter?: number;
}

/** Explains anything thrown: what a surface refused itself, and what the gateway said. */
export function httpErrorOf(error: unknown, requestId: string, explain: ExplainError, signal?: AbortSignal): HttpError {
  if (error instanceof Rejected) return refusal(error);
  const status = explain(error, requestId, signal);
  const [detail] = status.findDetails(ErrorDetailSchema);
  const message = messageOf(status, detail);
  const seconds = detail?.retryAfter ? Math.ceil(Number(detail.retryAfter.seconds) + detail.retryAfter.nanos / 1e9) : 0;
  return {
    status: statusOf(status.code, detail),
    detail: message,
    message,
    ...(seconds > 0 && { retryAfter: seconds }),
  };
}

function refusal({ status, detail, message }: Rejected): HttpError {
  return { status, detail: typeof detail === "string" ? detail : detail.map(maskedIssue), message };
}

/** The gateway's sentence, and what each of several targets said. */
function messageOf(status: ConnectError, detail: ErrorDetail | undefined): string {
  const attempts = detail?.attempts ?? [];
  if (attempts.length < 2) return status.rawMessage;
  const tried = attempts.map(({ provider, model, failure }) => `${provider}/${model}: ${failure?.message ?? "failed"}`);
  return `All requests failed: ${tried.join("; ")}`;
}

const statuses: Partial<Record<Code, number>> = {
  [Code.InvalidArgument]: 400,
  [Code.OutOfRange]: 400,
  [Code.Unauthenticated]: 401,
  [Code.PermissionDenied]: 403,
  [Code.NotFound]: 404,
  [Code.AlreadyExists]: 409,
  [Code.Aborted]: 409,
  [Code.ResourceExhausted]: 429,
  [Code.Canceled]: 499,
  [Code.Unimplemented]: 400,
  [Code.FailedPrecondition]: 400,
  [Code.Unavailable]: 503,
  [Code.DeadlineExceeded]: 504,
};

/** A provider that refuses our key, or says what nobody understands, is a bad gateway: the caller has done nothing wrong. */
function statusOf(code: Code, detail: ErrorDetail | undefined): number {
  const reason = detail?.reason;
  if (reason === Reason.PROVIDER_AUTH || reason === Reason.BAD_PROVIDER_RESPONSE) return 502;
  return statuses[code] ?? 500;
}
