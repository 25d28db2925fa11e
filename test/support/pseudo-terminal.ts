import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { spawnSync } from "node:child_process";
import type { ForeignTool } from "./foreign-tools.ts";
import { type RunOptions, start } from "./process.ts";

/** Python's standard library has pseudo-terminals, which Node has not. */
export const pseudoTerminal: ForeignTool = {
  program: "python3",
  missing: spawnSync("python3", ["-c", "import pty"]).status === 0 ? undefined : "python3 is not installed",
};

/** Runs a program on a terminal of its own: what is written to it is typed, what is read from it is shown. */
export function startOnTerminal(args: readonly string[], options: RunOptions = {}): ChildProcessWithoutNullStreams {
  const spawn = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";
  return start("python3", ["-c", spawn, ...args], options);
}
