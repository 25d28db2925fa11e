import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

const folder = path.join(import.meta.dirname, "corpus");

/** The inputs that are kept for a format; where to begin, and what once was found. */
export function readCorpus(name: string): readonly Buffer[] {
  const own = path.join(folder, name);
  return readdirSync(own)
    .toSorted()
    .map((file) => readFileSync(path.join(own, file)));
}

/** Keeps an input that has broken something, and returns its name. */
export function keepInput(name: string, input: Uint8Array): string {
  const file = path.join(folder, name, `found-${createHash("sha256").update(input).digest("hex").slice(0, 12)}`);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, input);
  return path.relative(process.cwd(), file);
}
