import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";

/** One import, export-from or dynamic import of a source file. */
export interface SourceImport {
  /** As it is written. */
  readonly specifier: string;
  /** A relative specifier as a path from the root, such as `src/core/error.ts`; else the specifier itself. */
  readonly target: string;
  /** True for `import type` and `export type`, which leave nothing at run time. */
  readonly typeOnly: boolean;
}

export interface SourceFile {
  /** From the root, such as `src/routing/fallback.ts`. */
  readonly path: string;
  readonly text: string;
  readonly imports: readonly SourceImport[];
}

/** Reads every TypeScript file below `folder`, which is a path from `root`. */
export function readSourceTree(root: string, folder: string): readonly SourceFile[] {
  return readdirSync(path.join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => path.posix.join(folder, name))
    .sort()
    .map((name) => sourceFile(name, readFileSync(path.join(root, name), "utf8")));
}

/** A file from its text; the imports are found by their shape, which the formatter keeps uniform. */
export function sourceFile(name: string, text: string): SourceFile {
  return { path: name, text, imports: importsOf(name, text) };
}

const statement = /^(?:import|export)\s+(type\s)?[^;"']*?\bfrom\s+"([^"]+)"/gm;
const sideEffect = /^import\s+"([^"]+)"/gm;
const dynamic = /\bimport\(\s*"([^"]+)"\s*\)/g;

function importsOf(name: string, text: string): readonly SourceImport[] {
  const found = [
    ...[...text.matchAll(statement)].map(([, type, specifier]) => ({ specifier, typeOnly: type !== undefined })),
    ...[...text.matchAll(sideEffect)].map(([, specifier]) => ({ specifier, typeOnly: false })),
    ...[...text.matchAll(dynamic)].map(([, specifier]) => ({ specifier, typeOnly: false })),
  ];
  return found.flatMap(({ specifier, typeOnly }) =>
    specifier === undefined ? [] : [{ specifier, typeOnly, target: resolve(name, specifier) }],
  );
}

function resolve(from: string, specifier: string): string {
  return specifier.startsWith(".") ? path.posix.join(path.posix.dirname(from), specifier) : specifier;
}
