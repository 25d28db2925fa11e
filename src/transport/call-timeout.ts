import { LivellmError } from "../core/error.ts";
import { headerOf, type NodeRequest } from "./node-http.ts";

/** The longest a timer runs; node fires a longer one at once. Nearly 25 days. */
const longestTimerMs = 2 ** 31 - 1;

/**
 * The caller's deadline on plain HTTP: `x-timeout-ms`, or `connect-timeout-ms` as Connect's clients send it. Undefined when
 * there is none, or none that would ever fire.
 */
export function timeoutMsOf(request: NodeRequest): number | undefined {
  for (const name of ["x-timeout-ms", "connect-timeout-ms"]) {
    const value = headerOf(request, name);
    if (value === undefined) continue;
    if (!/^\d{1,10}$/.test(value)) {
      throw new LivellmError(
        "invalid_argument",
        "invalid_request",
        `the header ${name} must be whole milliseconds, at most 10 digits, such as 30000`,
      );
    }
    return Number(value) > longestTimerMs ? undefined : Number(value);
  }
  return undefined;
}

const hoursInMs = 3_600_000;

/**
 * Takes deadlines away that are longer than a timer can run: Connect would hand them to `setTimeout`, which fires at once
 * (connect 2.2, protocol/signals.js). gRPC clients without a deadline of their own may send `99999999H`.
 */
export function dropEndlessTimeouts(request: Pick<NodeRequest, "headers">): void {
  const { headers } = request;
  const grpc = /^(\d{1,8})([HMS])$/.exec(String(headers["grpc-timeout"] ?? ""));
  const units: Record<string, number> = { H: hoursInMs, M: 60_000, S: 1_000 };
  if (grpc && Number(grpc[1]) * (units[grpc[2] ?? ""] ?? 0) > longestTimerMs) delete headers["grpc-timeout"];
  if (Number(headers["connect-timeout-ms"]) > longestTimerMs) delete headers["connect-timeout-ms"];
}
