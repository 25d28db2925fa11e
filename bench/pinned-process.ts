import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";

/** A program under test or beside it, on a core of its own. */
export interface PinnedProcess {
  readonly pid: number;
  /** From its output: the port in the first `http://host:port`, or after `port `. */
  readonly port: number;
  /** From spawning it until it said where it listens. */
  readonly startMs: number;
  /** utime + stime so far, of all of its threads, in seconds. */
  cpuSeconds(): number;
  residentBytes(): number;
  /** At once, unless `signal` lets it finish. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

export interface Program {
  readonly core: number;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** What its output says once it listens; its first group is the port. */
  readonly listens?: RegExp;
}

/** Clock ticks a second, as /proc counts them; 100 on every Linux that node runs on. */
const ticksPerSecond = 100;

/**
 * Starts `node args…` on one core and waits until it says that it listens. Its output goes to a file, not through a pipe: the
 * reader of a pipe would cost the load generator's core.
 */
export async function startPinned({ core, args, env = {}, listens = /:(\d+)"/ }: Program): Promise<PinnedProcess> {
  const folder = mkdtempSync(path.join(os.tmpdir(), "livellm-bench-"));
  const log = path.join(folder, "output");
  const output = openSync(log, "w");
  const begin = performance.now();
  const child = spawn("taskset", ["-c", String(core), process.execPath, ...args], {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
    stdio: ["ignore", output, output],
  });
  closeSync(output);
  const port = await portIn(log, listens, child);
  const startMs = performance.now() - begin;
  const pid = child.pid ?? 0;
  return {
    pid,
    port,
    startMs,
    cpuSeconds: () => cpuSeconds(pid),
    residentBytes: () => residentBytes(pid),
    async stop(signal = "SIGKILL") {
      child.kill(signal);
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function portIn(log: string, listens: RegExp, child: ChildProcess): Promise<number> {
  for (const end = performance.now() + 30_000; performance.now() < end; await pause(5)) {
    const [, port] = listens.exec(readFileSync(log, "utf8")) ?? [];
    if (port !== undefined) return Number(port);
    if (child.exitCode !== null) break;
  }
  child.kill("SIGKILL");
  throw new Error(`${child.spawnargs.join(" ")} does not listen:\n${readFileSync(log, "utf8").slice(-2_000)}`);
}

export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Fields 14 and 15 of /proc/PID/stat (proc(5)); the name in field 2 may hold spaces. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

function residentBytes(pid: number): number {
  const [, kibibytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kibibytes) * 1024;
}
