import type { ChildProcessWithoutNullStreams } from "node:child_process";
import path from "node:path";
import { projectRoot } from "./gateway.ts";
import { type Finished, type RunOptions, run, start } from "./process.ts";

/** What is installed as `livellm`. */
export const livellmProgram = path.join(projectRoot, "bin/livellm.js");

/** Runs `livellm` to its end, with nothing of the developer's own environment. */
export function livellm(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  return run(process.execPath, [livellmProgram, ...args], isolated(options));
}

/** Starts `livellm`, for tests that look at it while it runs. */
export function startLivellm(args: readonly string[], options: RunOptions = {}): ChildProcessWithoutNullStreams {
  return start(process.execPath, [livellmProgram, ...args], isolated(options));
}

function isolated(options: RunOptions): RunOptions {
  return { ...options, env: { PATH: process.env.PATH, HOME: process.env.HOME, ...options.env } };
}
