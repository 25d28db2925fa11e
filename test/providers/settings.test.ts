import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../src/core/json.ts";
import type { ProviderKind } from "../../src/core/provider.ts";
import { createSettingsCheck } from "../../src/providers/settings.ts";

const schema: JsonObject = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  type: "object",
  properties: {
    api: { enum: ["responses", "chat"] },
    only: { const: "this" },
    retries: { type: "integer", minimum: 0, maximum: 5 },
    name: { type: "string", pattern: "^[a-z]+$", maxLength: 4 },
    hosts: {
      type: "array",
      maxItems: 2,
      items: {
        type: "object",
        properties: { url: { type: "string" } },
        required: ["url"],
        additionalProperties: false,
      },
    },
    "a.b/c~d": { type: "boolean" },
  },
  required: ["api"],
  additionalProperties: false,
};

function kind(name: string, settingsSchema?: JsonObject): [string, ProviderKind] {
  const displayName = name.toUpperCase();
  const needs = { apiKeyRequired: false, baseUrlRequired: false, defaultBaseUrl: "" };
  const create = () => ({});
  return [name, { kind: name, displayName, rpcs: [], ...needs, ...(settingsSchema && { settingsSchema }), create }];
}

const check = createSettingsCheck(new Map([kind("openai", schema), kind("bare")]));

describe("provider settings", () => {
  it("may be what the schema says", () => {
    expect(check("openai", { api: "chat", retries: 2, hosts: [{ url: "x" }], "a.b/c~d": true })).toEqual([]);
  });

  it.each<[string, JsonObject, string, string, string]>([
    ["a missing one", {}, "provider.settings.api", "REQUIRED", "is required"],
    ["another word", { api: "x" }, "provider.settings.api", "UNKNOWN", 'must be one of "responses", "chat"'],
    ["another constant", { api: "chat", only: "x" }, "provider.settings.only", "UNKNOWN", 'must be "this"'],
    ["a number too high", { api: "chat", retries: 6 }, "provider.settings.retries", "OUT_OF_RANGE", "must be <= 5"],
    ["another type", { api: "chat", retries: "2" }, "provider.settings.retries", "PATTERN", "must be integer"],
    ["a text too long", { api: "chat", name: "abcde" }, "provider.settings.name", "TOO_LONG", "4 characters"],
    ["another pattern", { api: "chat", name: "A" }, "provider.settings.name", "PATTERN", "must match pattern"],
    ["a missing part", { api: "chat", hosts: [{ url: "x" }, {}] }, "provider.settings.hosts[1].url", "REQUIRED", ""],
    [
      "too many",
      { api: "chat", hosts: [1, 2, 3].map(() => ({ url: "x" })) },
      "provider.settings.hosts",
      "TOO_MANY",
      "",
    ],
    [
      "an unknown part",
      { api: "chat", hosts: [{ url: "x", y: 1 }] },
      "provider.settings.hosts[0].y",
      "UNKNOWN",
      ": url",
    ],
    ["odd names", { api: "chat", "a.b/c~d": 1 }, 'provider.settings["a.b/c~d"]', "PATTERN", "must be boolean"],
  ])("are refused with %s, by path", (_, settings, field, reason, words) => {
    expect(check("openai", settings)).toEqual([{ field, reason, description: expect.stringContaining(words) }]);
  });

  it("are refused with an unknown one, and those there are", () => {
    expect(check("openai", { api: "chat", apii: "chat" })).toEqual([
      {
        field: "provider.settings.apii",
        reason: "UNKNOWN",
        description: "there is no such setting; there are: api, only, retries, name, hosts, a.b/c~d",
      },
    ]);
  });

  it("are told all that is wrong at once", () => {
    const fields = check("openai", { api: "x", retries: 9, other: 1 }).map(({ field }) => field);
    expect(fields.sort()).toEqual(["provider.settings.api", "provider.settings.other", "provider.settings.retries"]);
  });

  it("must be empty for a kind that has none", () => {
    expect(check("bare", {})).toEqual([]);
    expect(check("bare", { api: "chat" })).toEqual([
      { field: "provider.settings.api", reason: "UNKNOWN", description: "this kind has no such setting" },
    ]);
  });

  it("name the kinds there are when theirs is not one", () => {
    expect(check("opnai", {})).toEqual([
      {
        field: "provider.kind",
        reason: "UNKNOWN",
        description: 'there is no kind "opnai"; the kinds are bare, openai',
      },
    ]);
    expect(check("", {})).toEqual([expect.objectContaining({ field: "provider.kind", reason: "REQUIRED" })]);
  });

  it("fail when a kind's schema is none", () => {
    const check = createSettingsCheck(new Map([kind("broken", { type: "no such type" })]));
    expect(() => check("broken", {})).toThrow();
  });
});
