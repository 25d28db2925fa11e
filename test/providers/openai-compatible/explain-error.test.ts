import { describe, expect, test } from "vitest";
import { explainOpenAIError, streamError } from "../../../src/providers/openai-compatible/error.ts";

describe("an error body", () => {
  test.each<[string, number, unknown, object]>([
    [
      "OpenAI's quota",
      429,
      { error: { message: "You exceeded your current quota", type: "insufficient_quota", code: "insufficient_quota" } },
      { message: "You exceeded your current quota", providerCode: "insufficient_quota", reason: "quota_exhausted" },
    ],
    [
      "a context that is too long",
      400,
      { error: { message: "too long", type: "invalid_request_error", code: "context_length_exceeded" } },
      { message: "too long", providerCode: "context_length_exceeded", reason: "context_too_long" },
    ],
    [
      "one that says so only in words (vLLM)",
      400,
      {
        object: "error",
        message: "This model's maximum context length is 4096 tokens",
        type: "BadRequestError",
        code: 400,
      },
      {
        message: "This model's maximum context length is 4096 tokens",
        providerCode: "BadRequestError",
        reason: "context_too_long",
      },
    ],
    [
      "an unknown model",
      404,
      { error: { message: "no such model", code: "model_not_found" } },
      { message: "no such model", providerCode: "model_not_found", reason: "model_not_found" },
    ],
    [
      "Azure's content filter",
      400,
      { error: { message: "filtered", code: "content_filter", innererror: { code: "ResponsibleAIPolicyViolation" } } },
      { message: "filtered", providerCode: "content_filter", reason: "content_blocked" },
    ],
    [
      "a wrong key: the status says it",
      401,
      { error: { message: "bad key", type: "invalid_request_error", code: null } },
      { message: "bad key", providerCode: "invalid_request_error" },
    ],
    [
      "OpenRouter's, with what the vendor behind it said",
      502,
      { error: { code: 502, message: "Provider returned error", metadata: { raw: "upstream down" } } },
      { message: "Provider returned error: upstream down" },
    ],
    ["a sentence", 500, { error: "oops" }, { message: "oops" }],
    [
      "Mistral's violations",
      422,
      { detail: [{ loc: ["body", "top_k"], msg: "Extra inputs are not permitted" }] },
      { message: "body.top_k: Extra inputs are not permitted" },
    ],
    ["text", 503, "busy", { message: "busy" }],
    ["a proxy's page", 502, "<html>nginx</html>", { message: "" }],
    ["nothing", 500, "", { message: "" }],
  ])("%s", (_, status, body, expected) => {
    expect(explainOpenAIError(typeof body === "string" ? body : JSON.stringify(body), status)).toEqual(expected);
  });
});

describe("an error inside a stream", () => {
  test.each<[object, string, string]>([
    [{ code: "server_error", message: "x" }, "unavailable", "provider_unavailable"],
    [{ code: "rate_limit_exceeded", message: "x" }, "resource_exhausted", "rate_limited"],
    [{ code: "insufficient_quota", message: "x" }, "resource_exhausted", "quota_exhausted"],
    [{ type: "invalid_request_error", message: "x" }, "invalid_argument", "provider_rejected"],
    [{ code: 429, message: "x" }, "resource_exhausted", "rate_limited"],
    [{ code: 502, message: "x" }, "unavailable", "provider_unavailable"],
    [{ message: "who knows" }, "unavailable", "provider_unavailable"],
  ])("%j is %s, %s", (error, code, reason) => {
    expect(streamError(error as never)).toMatchObject({ code, reason });
  });

  test("shows no key", () => {
    expect(streamError({ message: "Incorrect API key: sk-abcdefgh12345678" }).message).not.toContain("abcdefgh");
  });
});
