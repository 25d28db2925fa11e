import { PrometheusSerializer } from "@opentelemetry/exporter-prometheus";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { expect, test } from "vitest";
import { joinSnapshots } from "../../src/telemetry/joined-snapshots.ts";
import { MetricRegistry } from "../../src/telemetry/metric-registry.ts";
import { producerOf } from "../../src/telemetry/open-metrics-export.ts";
import { prometheusText } from "../../src/telemetry/prometheus-text.ts";
import { readScrape, type Sample } from "./scrape.ts";

/** One metric of each kind, with names, units and labels that have to be changed. */
function exampleRegistry(): MetricRegistry {
  const registry = new MetricRegistry();
  const calls = registry.counter({ name: "a.calls", unit: "{call}", description: "Calls.", attributes: ["x.y", "z"] });
  calls.with("one", 'quoted "word" \\ and\nline').add(3);
  calls.with("two").add();
  const cpu = { name: "a.cpu", unit: "s", description: "CPU.", attributes: [], type: "counter" as const };
  registry.observe({ ...cpu, observe: () => [{ attributes: {}, value: 1.25 }] });
  const times = { name: "a.time", unit: "s", description: "Times.", attributes: ["x.y"] };
  const family = registry.histogram(times, [0.1, 1, 10]);
  for (const value of [0.05, 0.1, 0.5, 1, 5, 100]) family.with("one").record(value);
  const memory = { name: "a.memory", unit: "By", description: "Memory.", attributes: [], type: "gauge" as const };
  registry.observe({ ...memory, observe: () => [{ attributes: {}, value: 4096 }] });
  return registry;
}

const sorted = (samples: readonly Sample[]) =>
  samples.map((sample) => JSON.stringify([sample.name, Object.entries(sample.labels).sort(), sample.value])).sort();

test("Prometheus reads here what it would read of OpenTelemetry's own exporter", async () => {
  const registry = exampleRegistry();
  const { resourceMetrics } = await producerOf(registry, resourceFromAttributes({})).collect();
  const theirs = new PrometheusSerializer(undefined, false, undefined, true, true).serialize(resourceMetrics);
  const ours = readScrape(prometheusText(registry.snapshot()));
  expect(sorted(ours.samples.map(withoutUnit))).toEqual(sorted(readScrape(samplesOf(theirs)).samples));
  expect(ours.samples).toHaveLength(10);
});

const samplesOf = (text: string) =>
  text
    .split("\n")
    .filter((line) => !line.startsWith("#"))
    .join("\n");

/** Units belong into names by the specification; this exporter leaves them out. */
const withoutUnit = (sample: Sample) => ({ ...sample, name: sample.name.replace(/_(seconds|bytes)/, "") });

test("of several processes every series says whose it is, and none is lost", () => {
  const [one, two] = [exampleRegistry().snapshot(), exampleRegistry().snapshot()];
  const joined = readScrape(
    prometheusText(
      joinSnapshots(
        new Map([
          ["1", one],
          ["2", two.filter(({ name }) => name !== "a.cpu")],
        ]),
      ),
    ),
  );
  expect(joined.samples).toHaveLength(2 * 10 - 1);
  expect(joined.value("a_calls_total", { livellm_worker: "2", x_y: "one" })).toBe(3);
  expect(joined.value("a_calls_total")).toBe(8);
  expect(joined.value("a_time_seconds_count", { livellm_worker: "1" })).toBe(6);
  expect(joined.types.size).toBe(4);
});
