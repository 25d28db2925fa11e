import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import type { FuzzOptions } from "./fuzz-format.ts";
import type { FuzzFigures } from "./run-fuzz.ts";

const fuzz = path.join(import.meta.dirname, "fuzz.ts");

/** Fuzzes these formats at a time, each in a process of its own. One that ends without a result is a break. */
export async function fuzzFormats(names: readonly string[], options: FuzzOptions): Promise<readonly FuzzFigures[]> {
  const folder = mkdtempSync(path.join(os.tmpdir(), "livellm-fuzz-"));
  try {
    return await Promise.all(names.map((name) => fuzzApart(name, path.join(folder, name), options)));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function fuzzApart(name: string, result: string, { minutes, seed }: FuzzOptions): Promise<FuzzFigures> {
  const flags = ["--no-build", "--only", name, "--result", result, "--minutes", `${minutes}`, "--seed", `${seed}`];
  const child = spawn(process.execPath, [fuzz, ...flags], { stdio: ["ignore", "ignore", "inherit"] });
  const [code] = (await once(child, "exit")) as [number | null];
  if (code === 0) return JSON.parse(readFileSync(result, "utf8")) as FuzzFigures;
  return { target: name, inputs: 0, finds: [`its process ended with ${code}`], slowestMs: 0, growthBytes: 0 };
}
