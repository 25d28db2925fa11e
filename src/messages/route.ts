import { create, type MessageInitShape, type JsonObject as ProtoJsonObject } from "@bufbuild/protobuf";
import { type Duration, DurationSchema, timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  type ContextPolicySchema,
  type ContextPolicy as ProtoContextPolicy,
  ContextPolicy_Strategy as ProtoContextStrategy,
} from "../../gen/livellm/v1/agent_pb.ts";
import type { WarningSchema } from "../../gen/livellm/v1/common_pb.ts";
import {
  type AttemptSchema,
  type FailureSchema,
  Attempt_Outcome as ProtoOutcome,
  Failure_Reason as ProtoReason,
  type Route as ProtoRoute,
  Route_Strategy as ProtoStrategy,
  type Target as ProtoTarget,
  type RouteResultSchema,
  type TargetSchema,
} from "../../gen/livellm/v1/route_pb.ts";
import type { UsageSchema } from "../../gen/livellm/v1/usage_pb.ts";
import type { ContextPolicy } from "../core/context-policy.ts";
import type { FailureReason } from "../core/error.ts";
import type { JsonObject } from "../core/json.ts";
import type { Attempt, Failure, InlineProvider, Route, RouteResult, Strategy, Target, Warning } from "../core/route.ts";
import { Secret } from "../core/secret.ts";
import type { Usage } from "../core/usage.ts";

/** The contract's Route in core terms. */
export function routeFromProto(route: ProtoRoute | undefined): Route {
  return {
    targets: (route?.targets ?? []).map(targetFromProto),
    ...(route?.name && { name: route.name }),
    strategy: strategyFromProto(route?.strategy ?? ProtoStrategy.UNSPECIFIED),
    attemptTimeoutMs: millisecondsFromProto(route?.attemptTimeout),
    stallTimeoutMs: millisecondsFromProto(route?.stallTimeout),
    staggerMs: millisecondsFromProto(route?.stagger),
  };
}

export function targetFromProto(target: ProtoTarget): Target {
  const inline = target.inlineProvider;
  const inlineProvider: InlineProvider | undefined = inline && {
    kind: inline.kind,
    ...(inline.apiKey && { apiKey: new Secret(inline.apiKey) }),
    ...(inline.baseUrl && { baseUrl: inline.baseUrl }),
    headers: secretsFromProto(inline.headers),
  };
  return {
    provider: target.provider,
    ...(inlineProvider && { inlineProvider }),
    model: target.model,
    voice: target.voice,
    options: (target.options ?? {}) as JsonObject,
    attemptTimeoutMs: millisecondsFromProto(target.attemptTimeout),
    contextPolicy: contextPolicyFromProto(target.contextPolicy),
  };
}

/** Back to the contract. An inline provider is never returned. */
export function targetToProto(target: Target): MessageInitShape<typeof TargetSchema> {
  return {
    provider: target.provider,
    model: target.model,
    voice: target.voice,
    ...(Object.keys(target.options).length > 0 && { options: target.options as ProtoJsonObject }),
    attemptTimeout: durationToProto(target.attemptTimeoutMs),
    contextPolicy: contextPolicyToProto(target.contextPolicy),
  };
}

/** Header values are secrets: they often carry keys. */
export function secretsFromProto(values: Readonly<Record<string, string>>): Record<string, Secret> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, new Secret(value)]));
}

/** Undefined when not set, so that the next best source may decide. */
export function strategyFromProto(strategy: ProtoStrategy): Strategy | undefined {
  if (strategy === ProtoStrategy.PARALLEL) return "parallel";
  return strategy === ProtoStrategy.SEQUENTIAL ? "sequential" : undefined;
}

export function strategyToProto(strategy: Strategy | undefined): ProtoStrategy {
  if (strategy === undefined) return ProtoStrategy.UNSPECIFIED;
  return strategy === "parallel" ? ProtoStrategy.PARALLEL : ProtoStrategy.SEQUENTIAL;
}

const contextStrategies = new Map<number, ContextPolicy["strategy"]>([
  [ProtoContextStrategy.TRUNCATE, "truncate"],
  [ProtoContextStrategy.RECYCLE, "recycle"],
]);

export function contextPolicyFromProto(policy: ProtoContextPolicy | undefined): ContextPolicy | undefined {
  return (
    policy && { strategy: contextStrategies.get(policy.strategy) ?? "disabled", maxInputTokens: policy.maxInputTokens }
  );
}

const contextStrategyNumbers = {
  disabled: ProtoContextStrategy.DISABLED,
  truncate: ProtoContextStrategy.TRUNCATE,
  recycle: ProtoContextStrategy.RECYCLE,
} as const;

export function contextPolicyToProto(
  policy: ContextPolicy | undefined,
): MessageInitShape<typeof ContextPolicySchema> | undefined {
  return policy && { strategy: contextStrategyNumbers[policy.strategy], maxInputTokens: policy.maxInputTokens };
}

/** Milliseconds, fractions kept; undefined when not set. */
export function millisecondsFromProto(duration: Duration | undefined): number | undefined {
  return duration && Number(duration.seconds) * 1000 + duration.nanos / 1e6;
}

export function durationToProto(milliseconds: number | undefined): Duration | undefined {
  if (milliseconds === undefined) return undefined;
  const seconds = Math.floor(milliseconds / 1000);
  return create(DurationSchema, {
    seconds: BigInt(seconds),
    nanos: Math.round((milliseconds - seconds * 1000) * 1e6),
  });
}

export function routeResultToProto(result: RouteResult): MessageInitShape<typeof RouteResultSchema> {
  return {
    targetIndex: result.targetIndex,
    provider: result.provider,
    providerKind: result.providerKind,
    model: result.model,
    providerRequestId: result.providerRequestId ?? "",
    attempts: result.attempts.map(attemptToProto),
  };
}

const outcomes = {
  answered: ProtoOutcome.ANSWERED,
  failed: ProtoOutcome.FAILED,
  timed_out: ProtoOutcome.TIMED_OUT,
  cancelled: ProtoOutcome.CANCELLED,
  skipped: ProtoOutcome.SKIPPED,
} as const satisfies Record<Attempt["outcome"], ProtoOutcome>;

export function attemptToProto(attempt: Attempt): MessageInitShape<typeof AttemptSchema> {
  return {
    targetIndex: attempt.targetIndex,
    provider: attempt.provider,
    model: attempt.model,
    outcome: outcomes[attempt.outcome],
    failure: attempt.failure && failureToProto(attempt.failure),
    startTime: timestampFromDate(attempt.startTime),
    elapsedMs: Math.round(attempt.elapsedMs),
    usage: attempt.usage && usageToProto(attempt.usage),
  };
}

export function failureToProto(failure: Failure): MessageInitShape<typeof FailureSchema> {
  return {
    reason: reasonToProto(failure.reason),
    message: failure.message,
    httpStatus: failure.httpStatus ?? 0,
    providerCode: failure.providerCode ?? "",
    providerRequestId: failure.providerRequestId ?? "",
    retryAfter: durationToProto(failure.retryAfterMs),
  };
}

export function reasonToProto(reason: FailureReason): ProtoReason {
  return ProtoReason[reason.toUpperCase() as Uppercase<FailureReason>];
}

export function usageToProto(usage: Usage): MessageInitShape<typeof UsageSchema> {
  const { providerUsage, estimated, ...counters } = usage;
  return {
    ...counters,
    ...(providerUsage && { providerUsage: providerUsage as ProtoJsonObject }),
    estimated: estimated ?? false,
  };
}

export function warningToProto(warning: Warning): MessageInitShape<typeof WarningSchema> {
  return { code: warning.code, message: warning.message, field: warning.field ?? "" };
}
