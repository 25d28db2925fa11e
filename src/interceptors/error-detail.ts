import { create, type MessageInitShape, toBinary, toJson } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import {
  type ErrorDetail,
  ErrorDetailSchema,
  type FieldViolations,
  FieldViolationsSchema,
} from "../../gen/livellm/v1/error_pb.ts";
import type { AttemptSchema } from "../../gen/livellm/v1/route_pb.ts";
import type { ErrorFacts, LivellmError, Violation } from "../core/error.ts";
import type { Attempt } from "../core/route.ts";
import { attemptToProto, reasonToProto } from "../messages/route.ts";

/** One detail of an error, as it travels. */
export interface WireDetail {
  readonly type: string;
  readonly value: Uint8Array;
  readonly debug:
    | ReturnType<typeof toJson<typeof ErrorDetailSchema>>
    | ReturnType<typeof toJson<typeof FieldViolationsSchema>>;
}

/** The contract: ErrorDetail stays under 4 KiB, for it travels in trailers. */
const maxDetailBytes = 4_000;

/**
 * The details of an error: ErrorDetail, and google.rpc.BadRequest beside it when fields broke rules, for clients that know
 * that type already (it has the wire form of FieldViolations). Both are cut, to `maxBytes` together.
 */
export function detailsOf(error: LivellmError, requestId: string, maxBytes: number): readonly WireDetail[] {
  const detail = cutToSize(create(ErrorDetailSchema, initOf(error, requestId)), Math.min(maxBytes, maxDetailBytes));
  const value = toBinary(ErrorDetailSchema, detail);
  const own = { type: ErrorDetailSchema.typeName, value, debug: toJson(ErrorDetailSchema, detail) };
  if (detail.fieldViolations.length === 0) return [own];
  return [own, badRequest(detail, maxBytes - value.length)];
}

function initOf({ reason, facts }: LivellmError, requestId: string): MessageInitShape<typeof ErrorDetailSchema> {
  return {
    reason: reasonToProto(reason),
    fieldViolations: (facts.violations ?? []).map(violationToProto),
    attempts: (facts.attempts ?? []).map(shortAttempt),
    retryAfter: facts.retryAfterMs === undefined ? undefined : durationFromMs(Math.round(facts.retryAfterMs)),
    requestId,
    metadata: metadataOf(facts),
  };
}

function violationToProto({ field, description, reason }: Violation) {
  return { field: cut(field, 256), description: cut(description, 400), reason };
}

/** An attempt without the provider's own form of its usage, which has no limit, and with its words cut. */
function shortAttempt(attempt: Attempt): MessageInitShape<typeof AttemptSchema> {
  const { providerUsage: _, ...usage } = attempt.usage ?? {};
  const { failure } = attempt;
  return attemptToProto({
    ...attempt,
    provider: cut(attempt.provider, 128),
    model: cut(attempt.model, 256),
    failure: failure && {
      ...failure,
      message: cut(failure.message, 500),
      providerCode: cut(failure.providerCode ?? "", 128),
      providerRequestId: cut(failure.providerRequestId ?? "", 128),
    },
    usage: attempt.usage && usage,
  });
}

/** What else is known, for programs; ErrorDetail has no fields of its own for what a provider said. */
function metadataOf(facts: ErrorFacts): Record<string, string> {
  const known = {
    httpStatus: facts.httpStatus?.toString(),
    providerCode: facts.providerCode,
    providerRequestId: facts.providerRequestId,
    ...facts.metadata,
  };
  const set = Object.entries(known).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return Object.fromEntries(set.map(([key, value]) => [key, cut(value, 500)]));
}

/** Shortens messages first, then drops from the end of the lists what is still too much. */
function cutToSize(detail: ErrorDetail, maxBytes: number): ErrorDetail {
  const tooLarge = () => toBinary(ErrorDetailSchema, detail).length > maxBytes;
  if (tooLarge()) shortenMessages(detail, 100);
  while (tooLarge() && dropLast(detail));
  return detail;
}

function shortenMessages(detail: ErrorDetail, length: number): void {
  for (const violation of detail.fieldViolations) violation.description = cut(violation.description, length);
  for (const { failure } of detail.attempts) if (failure) failure.message = cut(failure.message, length);
  for (const [key, value] of Object.entries(detail.metadata)) detail.metadata[key] = cut(value, length);
}

/** Drops one entry of the longest list; false when there is nothing left to drop. */
function dropLast(detail: ErrorDetail): boolean {
  const keys = Object.keys(detail.metadata);
  const longest = Math.max(detail.fieldViolations.length, detail.attempts.length, keys.length);
  if (longest === 0) return false;
  if (detail.fieldViolations.length === longest) detail.fieldViolations.pop();
  else if (detail.attempts.length === longest) detail.attempts.pop();
  else delete detail.metadata[keys.at(-1) ?? ""];
  return true;
}

function badRequest({ fieldViolations }: ErrorDetail, maxBytes: number): WireDetail {
  const message: FieldViolations = create(FieldViolationsSchema, { fieldViolations: [...fieldViolations] });
  while (toBinary(FieldViolationsSchema, message).length > maxBytes) message.fieldViolations.pop();
  return {
    type: "google.rpc.BadRequest",
    value: toBinary(FieldViolationsSchema, message),
    debug: toJson(FieldViolationsSchema, message),
  };
}

/** At most so many UTF-16 code units, and well-formed: half a surrogate pair breaks encoders. */
export function cut(text: string, maxLength: number): string {
  const short = text.length <= maxLength ? text : `${text.slice(0, maxLength - 1)}…`;
  return short.toWellFormed();
}
