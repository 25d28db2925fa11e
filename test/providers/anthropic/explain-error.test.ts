import { describe, expect, test } from "vitest";
import { explainAnthropicError, streamError } from "../../../src/providers/anthropic/error.ts";

const bodyOf = (type: string, message = "No.", details: object | null = null) =>
  JSON.stringify({ type: "error", error: { type, message, details }, request_id: "req_1" });

describe("an error body", () => {
  test("in the vendor's words", () => {
    expect(explainAnthropicError(bodyOf("overloaded_error", "Overloaded"))).toEqual({
      message: "Overloaded",
      providerCode: "overloaded_error",
      reason: "provider_unavailable",
    });
    expect(explainAnthropicError(bodyOf("not_found_error", "model: claude-x"))).toEqual({
      message: "model: claude-x",
      providerCode: "not_found_error",
    });
  });

  test.each([
    ["invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum", "context_too_long"],
    [
      "invalid_request_error",
      "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000",
      "context_too_long",
    ],
    ["request_too_large", "Request exceeds the maximum size", "context_too_long"],
    ["invalid_request_error", "Your credit balance is too low to access the API.", "quota_exhausted"],
    ["billing_error", "Payment required", "quota_exhausted"],
    ["invalid_request_error", "Output blocked by content filtering policy", "content_blocked"],
    ["invalid_request_error", "max_tokens: Field required", undefined],
  ])("%s: %s", (type, message, reason) => {
    expect(explainAnthropicError(bodyOf(type, message)).reason).toBe(reason);
  });

  test("the finer code says more than the type", () => {
    const body = bodyOf("rate_limit_error", "Limit", { error_code: "enforced_spend_limit_reached" });
    expect(explainAnthropicError(body)).toMatchObject({
      providerCode: "enforced_spend_limit_reached",
      reason: "quota_exhausted",
    });
  });

  test("of a proxy: its text, but not its page", () => {
    expect(explainAnthropicError("upstream timed out\n")).toEqual({ message: "upstream timed out" });
    expect(explainAnthropicError("<html>502</html>")).toEqual({ message: "" });
    expect(explainAnthropicError('{"detail":"x"}')).toEqual({ message: "" });
  });
});

test.each([
  ["invalid_request_error", "invalid_argument", "provider_rejected"],
  ["authentication_error", "failed_precondition", "provider_auth"],
  ["permission_error", "failed_precondition", "provider_auth"],
  ["not_found_error", "not_found", "model_not_found"],
  ["rate_limit_error", "resource_exhausted", "rate_limited"],
  ["billing_error", "resource_exhausted", "quota_exhausted"],
  ["timeout_error", "unavailable", "provider_unavailable"],
  ["api_error", "unavailable", "provider_unavailable"],
  ["overloaded_error", "unavailable", "provider_unavailable"],
  ["error_of_tomorrow", "unavailable", "provider_unavailable"],
])("%s inside a stream is %s", (type, code, reason) => {
  const error = streamError({ type, message: "said sk-ant-0123456789" });
  expect(error).toMatchObject({ code, reason, facts: { providerCode: type } });
  expect(error.message).toBe("the provider broke off with an error: said [secret]");
});
