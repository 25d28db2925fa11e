import * as conventions from "@opentelemetry/semantic-conventions/incubating";
import { expect, test } from "vitest";
import { allMetrics } from "../../scripts/observability-document.ts";
import { attribute, ownAttribute } from "../../src/telemetry/attributes.ts";

/** Everything that OpenTelemetry has a name for. */
const named = new Map(Object.entries(conventions).map(([constant, name]) => [String(name), constant]));

test.each(Object.values(attribute))("%s is an attribute of the semantic conventions", (name) => {
  expect(named.get(name)).toMatch(/^ATTR_/);
});

test.each(Object.values(ownAttribute))("%s is none: the name is ours", (name) => {
  expect(named.has(name)).toBe(false);
});

test("metrics whose names are not ours are metrics of the conventions, with their units", async () => {
  const others = (await allMetrics()).filter(({ name }) => !name.startsWith("livellm."));
  expect(others.length).toBeGreaterThan(10);
  expect(others.filter(({ name }) => !/^METRIC_/.test(named.get(name) ?? ""))).toEqual([]);
  const units = { "gen_ai.client.token.usage": "{token}", "process.memory.usage": "By" };
  for (const { name, unit } of others) {
    expect([name, unit]).toEqual([
      name,
      name.endsWith("utilization") ? "1" : (units[name as keyof typeof units] ?? unit),
    ]);
  }
});
