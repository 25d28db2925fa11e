import path from "node:path";
import { expect, test } from "vitest";
import { readSourceTree, type SourceFile } from "../support/source-tree.ts";

const files = new Map(readSourceTree(path.join(import.meta.dirname, "../.."), "src").map((file) => [file.path, file]));

/** What is loaded with a file: what it imports, and what that imports, but for types and for what is imported in passing. */
function loadedWith(first: string): readonly SourceFile[] {
  const loaded = new Set<SourceFile>();
  const visit = (name: string) => {
    const file = files.get(name);
    if (!file || loaded.has(file)) return;
    loaded.add(file);
    for (const { specifier, target, typeOnly } of file.imports) {
      if (!typeOnly && !file.text.includes(`import("${specifier}")`)) visit(target);
    }
  };
  visit(first);
  return [...loaded];
}

const ofTelemetry = /^@opentelemetry\/|^@grpc\/grpc-js/;

test("a server that exports nothing loads nothing of OpenTelemetry", () => {
  const loaded = loadedWith("src/app.ts");
  expect(loaded.map((file) => file.path)).toContain("src/telemetry/telemetry.ts");
  const loading = loaded.filter(({ text, imports }) =>
    imports.some(
      ({ specifier, typeOnly }) => ofTelemetry.test(specifier) && !typeOnly && !text.includes(`import("${specifier}")`),
    ),
  );
  expect(loading.map((file) => file.path)).toEqual([]);
});

test("and one that traces does, so the check can fail", () => {
  const loaded = loadedWith("src/telemetry/open-tracing.ts");
  expect(loaded.flatMap(({ imports }) => imports).some(({ specifier }) => ofTelemetry.test(specifier))).toBe(true);
});
