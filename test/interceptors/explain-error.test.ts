import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { pino } from "pino";
import { beforeEach, describe, expect, test } from "vitest";
import { type ErrorDetail, ErrorDetailSchema, FieldViolationsSchema } from "../../gen/livellm/v1/error_pb.ts";
import { Attempt_Outcome, Failure_Reason } from "../../gen/livellm/v1/route_pb.ts";
import { type ErrorCode, type FailureReason, invalidRequest, LivellmError } from "../../src/core/error.ts";
import type { Attempt } from "../../src/core/route.ts";
import { createErrorExplainer, type ExplainError } from "../../src/interceptors/explain-error.ts";

let lines: Record<string, unknown>[];
let explain: ExplainError;

beforeEach(() => {
  lines = [];
  explain = createErrorExplainer(pino({}, { write: (line: string) => lines.push(JSON.parse(line)) }));
});

function detailOf(error: ConnectError): ErrorDetail {
  const [detail] = error.findDetails(ErrorDetailSchema);
  if (detail === undefined) throw new Error("there is no ErrorDetail");
  return detail;
}

function bytesOf(error: ConnectError, type: string): Uint8Array {
  const found = error.details.find((each) => "type" in each && each.type === type);
  return found && "type" in found ? found.value : new Uint8Array();
}

const attempt: Attempt = {
  targetIndex: 1,
  provider: "openai-1",
  model: "m",
  outcome: "timed_out",
  failure: { reason: "timeout", message: "no answer in 5 s", httpStatus: 408, providerCode: "slow", retryAfterMs: 250 },
  startTime: new Date("2026-11-30T12:00:00.5Z"),
  elapsedMs: 5_000.4,
  usage: { inputTokens: 3, providerUsage: { secret: "x".repeat(10_000) } },
};

describe("an error of ours", () => {
  test("keeps its code, message and facts", () => {
    const facts = {
      retryAfterMs: 1500,
      attempts: [attempt],
      httpStatus: 503,
      providerCode: "busy",
      metadata: { limit: "7" },
    };
    const error = explain(new LivellmError("unavailable", "provider_unavailable", "busy", facts), "r1");
    expect([error.code, error.rawMessage, error.metadata.get("x-request-id")]).toEqual([
      Code.Unavailable,
      "busy",
      "r1",
    ]);
    expect(detailOf(error)).toMatchObject({
      reason: Failure_Reason.PROVIDER_UNAVAILABLE,
      requestId: "r1",
      retryAfter: { seconds: 1n, nanos: 500_000_000 },
      metadata: { httpStatus: "503", providerCode: "busy", limit: "7" },
      attempts: [
        {
          targetIndex: 1,
          provider: "openai-1",
          model: "m",
          outcome: Attempt_Outcome.TIMED_OUT,
          failure: {
            reason: Failure_Reason.TIMEOUT,
            message: "no answer in 5 s",
            httpStatus: 408,
            providerCode: "slow",
          },
          startTime: { seconds: 1796040000n, nanos: 500_000_000 },
          elapsedMs: 5_000,
          usage: { inputTokens: 3 },
        },
      ],
    });
    expect(lines).toEqual([]);
  });

  test("has every code and every reason of the contract", () => {
    const codes = Object.values(Code).filter((code): code is Code => typeof code === "number");
    const names = codes.map((code) => Code[code].replace(/([a-z])([A-Z])/g, "$1_$2").toLowerCase() as ErrorCode);
    expect(names.map((name) => explain(new LivellmError(name, "network", "x"), "").code)).toEqual(codes);
    const reasons = Object.keys(Failure_Reason).map((name) => name.toLowerCase() as FailureReason);
    const numbers = reasons.map((reason) => detailOf(explain(new LivellmError("internal", reason, "x"), "")).reason);
    expect(numbers).toEqual(Object.values(Failure_Reason));
  });

  test("lists violations twice: ours, and google.rpc.BadRequest on the same wire", () => {
    const violations = [
      { field: "a", description: "is required", reason: "REQUIRED" },
      { field: "b[0]", description: "is unknown", reason: "UNKNOWN" },
    ] as const;
    const error = explain(invalidRequest(violations), "r");
    expect(detailOf(error).fieldViolations).toMatchObject(violations);
    const standard = fromBinary(FieldViolationsSchema, bytesOf(error, "google.rpc.BadRequest"));
    expect(standard.fieldViolations).toMatchObject(violations);
    // google.rpc.BadRequest.FieldViolation: field = 1, description = 2, reason = 3, in BadRequest.field_violations = 1.
    expect(Buffer.from(toBinary(FieldViolationsSchema, standard)).subarray(0, 5)).toEqual(
      Buffer.from([0x0a, 26, 0x0a, 1, 97]),
    );
  });

  test("is one that Connect's JSON reader wrapped", () => {
    const inner = invalidRequest([{ field: "a", description: "is unknown", reason: "UNKNOWN" }]);
    const error = explain(ConnectError.from(inner, Code.InvalidArgument), "r");
    expect(detailOf(error).fieldViolations).toHaveLength(1);
  });
});

describe("whatever it is made of, an error fits into trailers", () => {
  const long = "ü".repeat(3_000);
  const violations = Array.from({ length: 300 }, (_, i) => ({
    field: `f[${i}]`,
    description: long,
    reason: "REQUIRED" as const,
  }));
  const attempts = Array.from({ length: 40 }, () => ({
    ...attempt,
    failure: { reason: "network" as const, message: long },
  }));
  const metadata = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`k${i}`, long]));

  test.each([
    ["violations", { violations }],
    ["attempts", { attempts }],
    ["metadata", { metadata }],
    ["all of it", { violations, attempts, metadata }],
  ])("%s", (_, facts) => {
    const error = explain(
      new LivellmError("invalid_argument", "invalid_request", `${long}\ud800`, facts),
      "r".repeat(128),
    );
    const own = bytesOf(error, ErrorDetailSchema.typeName).length;
    expect(own).toBeLessThan(4_096);
    expect(own, "and still says something").toBeGreaterThan(1_000);
    const details = own + bytesOf(error, "google.rpc.BadRequest").length;
    const status = details + Buffer.byteLength(error.rawMessage) + 150;
    expect(encodeURIComponent(error.rawMessage).length + (status * 4) / 3).toBeLessThan(8_192);
  });

  test("and no half surrogate pair breaks its encoding", () => {
    const error = explain(new LivellmError("internal", "internal", "a\udc00", { metadata: { k: "\ud800" } }), "r");
    expect(encodeURIComponent(error.rawMessage)).toBe("a%EF%BF%BD");
  });
});

describe("an aborted call is what its caller did, whatever came of it", () => {
  test.each<[string, unknown, Code]>([
    ["a client that left", new DOMException("x", "AbortError"), Code.Canceled],
    ["a connection that was reset", new ConnectError("reset", Code.Aborted), Code.Canceled],
    ["a deadline", new ConnectError("the operation timed out", Code.DeadlineExceeded), Code.DeadlineExceeded],
    ["a shutdown", new LivellmError("unavailable", "overloaded", "shutting down"), Code.Unavailable],
  ])("%s", (_, reason, code) => {
    expect(explain(new TypeError("anything"), "r", AbortSignal.abort(reason)).code).toBe(code);
    expect(lines).toEqual([]);
  });
});

test("an error of Connect keeps its code, and gets a detail", () => {
  const error = explain(new ConnectError("message size 9 is larger than 5", Code.ResourceExhausted), "r");
  expect([error.code, error.rawMessage]).toEqual([Code.ResourceExhausted, "message size 9 is larger than 5"]);
  expect(detailOf(error)).toMatchObject({ reason: Failure_Reason.INVALID_REQUEST, requestId: "r" });
});

test.each([new TypeError("secret"), "secret", undefined, { secret: 1 }])(
  "what nobody foresaw is internal: %s",
  (thrown) => {
    const error = explain(thrown, "r9");
    expect([error.code, error.rawMessage]).toEqual([
      Code.Internal,
      "internal error; see the server's log for request r9",
    ]);
    expect(lines).toMatchObject([{ level: 50, requestId: "r9" }]);
    if (thrown instanceof Error)
      expect(lines[0]).toMatchObject({ err: { message: "secret", stack: expect.stringContaining("at ") } });
  },
);

test("an explained error is left as it is", () => {
  const once = explain(new LivellmError("not_found", "not_found", "x"), "r");
  expect(explain(once, "other")).toBe(once);
});

test("a request id that no header can carry is encoded there", () => {
  const error = explain(new LivellmError("not_found", "not_found", "x"), "ü\n");
  expect(error.metadata.get("x-request-id")).toBe("%C3%BC%0A");
  expect(detailOf(error).requestId).toBe("ü\n");
});
