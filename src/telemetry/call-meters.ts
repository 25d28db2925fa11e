import type { FailureReason } from "../core/error.ts";
import { attribute, ownAttribute, rpcSystemOf } from "./attributes.ts";
import { buckets } from "./buckets.ts";
import type { MetricRegistry } from "./metric-registry.ts";
import type { HistogramSeries } from "./metric-series.ts";

/** A call of an RPC as its metrics tell it from others. */
export interface MeteredCall {
  /** `livellm.v1.AgentService/Run` */
  readonly rpc: string;
  /** The framing it came in. */
  readonly face: string;
  /** Whether its answer comes bit by bit. */
  readonly streams: boolean;
  /** Whether both sides stream. */
  readonly isSession: boolean;
}

/** How a call ended: `ok`, or the code and the reason of its error. */
export interface CallEnd {
  readonly code: string;
  readonly reason?: FailureReason | undefined;
}

/** What is counted of every RPC. */
export interface CallMeters {
  began(call: MeteredCall): void;
  firstMessage(call: MeteredCall, seconds: number): void;
  ended(call: MeteredCall, end: CallEnd, seconds: number): void;
  /** A call that was refused before it began. */
  refused(rpc: string, end: CallEnd): void;
  /** An error that a caller was told, whether or not its request became a call. */
  told(end: CallEnd): void;
}

export function createCallMeters(registry: MetricRegistry): CallMeters {
  const { durations, firstMessages, sessions, refusals, errors } = familiesOf(registry);
  const open = new Map<string, number>();
  observeOpen(registry, open);
  const known = new Map<string, HistogramSeries>();
  /** By one key: the common call is looked up once. */
  const durationOf = ({ rpc, face }: MeteredCall, end: CallEnd): HistogramSeries => {
    const { code } = end;
    const reason = end.reason ?? "";
    const key = `${rpc} ${face} ${code} ${reason}`;
    const series = known.get(key) ?? durations.with(rpcSystemOf(face), rpc, code, reason, face);
    known.set(key, series);
    return series;
  };
  return {
    began: ({ rpc }) => void open.set(rpc, (open.get(rpc) ?? 0) + 1),
    firstMessage: ({ rpc, face }, seconds) => firstMessages.with(rpc, face).record(seconds),
    ended(call, end, seconds) {
      open.set(call.rpc, (open.get(call.rpc) ?? 0) - 1);
      durationOf(call, end).record(seconds);
      if (call.isSession) sessions.with(call.rpc).record(seconds);
      if (isRefusal(end)) refusals.with(call.rpc, end.code, end.reason ?? "").add();
    },
    refused: (rpc, { code, reason = "" }) => refusals.with(rpc, code, reason).add(),
    told: ({ code, reason = "" }) => errors.with(code, reason).add(),
  };
}

function familiesOf(registry: MetricRegistry) {
  return {
    durations: registry.histogram(
      {
        name: "rpc.server.call.duration",
        unit: "s",
        description: "How long calls took, by RPC, face and status.",
        attributes: [
          attribute.rpcSystem,
          attribute.rpcMethod,
          attribute.rpcStatus,
          attribute.errorType,
          ownAttribute.face,
        ],
      },
      buckets.rpc,
    ),
    firstMessages: registry.histogram(
      {
        name: "livellm.call.time_to_first_message",
        unit: "s",
        description: "How long streaming calls took to their first message.",
        attributes: [attribute.rpcMethod, ownAttribute.face],
      },
      buckets.first,
    ),
    sessions: registry.histogram(
      {
        name: "livellm.session.duration",
        unit: "s",
        description: "How long live sessions lasted.",
        attributes: [attribute.rpcMethod],
      },
      buckets.session,
    ),
    refusals: registry.counter({
      name: "livellm.calls.refused",
      unit: "{call}",
      description:
        "Calls that were not let in: no or a wrong token, no permission, a limit of the caller's, a full server.",
      attributes: [attribute.rpcMethod, attribute.rpcStatus, attribute.errorType],
    }),
    errors: registry.counter({
      name: "livellm.errors",
      unit: "{error}",
      description:
        "Errors that callers were told, those of requests that could not be read, or were for nothing here, included.",
      attributes: [attribute.rpcStatus, attribute.errorType],
    }),
  };
}

function observeOpen(registry: MetricRegistry, open: ReadonlyMap<string, number>): void {
  registry.observe({
    name: "livellm.calls.active",
    unit: "{call}",
    description: "Calls under way, streams and sessions among them.",
    attributes: [attribute.rpcMethod],
    type: "gauge",
    observe: () => Array.from(open, ([rpc, value]) => ({ attributes: { [attribute.rpcMethod]: rpc }, value })),
  });
}

const refusing: ReadonlySet<FailureReason> = new Set([
  "unauthenticated",
  "permission_denied",
  "caller_limited",
  "overloaded",
]);

function isRefusal({ reason }: CallEnd): boolean {
  return reason !== undefined && refusing.has(reason);
}
