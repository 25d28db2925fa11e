import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect } from "vitest";
import type { Collector } from "../telemetry/collector.ts";

/** A text in the forms that it may come in: as it is, in base64 at each of the three offsets, percent-encoded. */
function formsOf(text: string): readonly string[] {
  const offsets = [0, 1, 2].map((offset) => {
    const encoded = Buffer.from(" ".repeat(offset) + text).toString("base64");
    return encoded.slice(offset === 0 ? 0 : 4, -4);
  });
  return [text, ...offsets, encodeURIComponent(text)];
}

/** The names of those that are in a text, in whatever form. */
export function canariesIn(text: string, canaries: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(canaries).flatMap(([name, value]) =>
    formsOf(value).some((form) => text.includes(form)) ? [name] : [],
  );
}

/** The same in what a collector was sent and `/metrics` shows, once it has come of more than a hundred calls. */
export async function canariesInTelemetry(
  collector: Collector,
  url: string,
  canaries: Readonly<Record<string, string>>,
): Promise<readonly string[]> {
  const calls = () => collector.spans.filter(({ kind }) => kind === "server").length;
  await expect.poll(calls).toBeGreaterThan(100);
  await expect.poll(() => collector.metrics.size).toBeGreaterThan(10);
  const metrics = await (await fetch(`${url}/metrics`)).text();
  expect(metrics).toContain("gen_ai_client");
  return canariesIn(collector.text() + metrics, canaries);
}

/** The same in the files of a gateway's database, each with its file. */
export function canariesInDatabase(folder: string, canaries: Readonly<Record<string, string>>): readonly string[] {
  const data = path.join(folder, "data");
  const files = readdirSync(data);
  expect(files).toContain("livellm.db");
  return files.flatMap((file) =>
    canariesIn(readFileSync(path.join(data, file), "latin1"), canaries).map((name) => `${file}: ${name}`),
  );
}
