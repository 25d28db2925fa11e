import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { startArguments } from "../test/support/gateway.ts";

/** A gateway as `npm start` runs it, in a folder of its own, for as long as it takes: the one of the tests lives two minutes. */
export interface FaultGateway extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  kill(signal: NodeJS.Signals): void;
  /** The memory it holds, as the kernel counts it. Throws when it has ended. */
  residentBytes(): number;
  /** Kills it, without a warning; the first time. */
  end(): Promise<void>;
}

/** SIGUSR2 makes its clock jump; see clock-jump.ts. */
const clock = pathToFileURL(path.join(import.meta.dirname, "clock-jump.ts")).href;

/** Starts it on a free port, with nothing of the developer's own environment. Throws when it does not listen. */
export async function startFaultGateway(env: Readonly<Record<string, string>> = {}): Promise<FaultGateway> {
  const folder = mkdtempSync(path.join(os.tmpdir(), "livellm-"));
  const child = spawn(process.execPath, ["--import", clock, ...startArguments], {
    cwd: folder,
    env: { PATH: process.env.PATH, PORT: "0", DATABASE_URL: "sqlite::memory:", ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const url = await listening(child);
  const pid = child.pid ?? 0;
  const ended = once(child, "exit");
  const end = async () => {
    child.kill("SIGKILL");
    await ended;
  };
  return {
    url,
    pid,
    kill: (signal) => void child.kill(signal),
    residentBytes: () => residentBytes(pid),
    end,
    async [Symbol.asyncDispose]() {
      await end();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The address in its log; what comes after is read and let go. */
function listening(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    const lines: string[] = [];
    const ended = (code: number | null) => reject(new Error(`it ended with ${code}:\n${lines.join("\n")}`));
    child.once("exit", ended);
    createInterface({ input: child.stdout ?? process.stdin }).on("line", (line) => {
      const url = /"url":"([^"]+)".*"msg":"listening"/.exec(line)?.[1];
      if (lines.length < 20) lines.push(line);
      if (!url) return;
      child.off("exit", ended);
      resolve(url);
    });
  });
}

function residentBytes(pid: number): number {
  const [, kibibytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  if (kibibytes === undefined) throw new Error(`process ${pid} has ended`);
  return Number(kibibytes) * 1024;
}
