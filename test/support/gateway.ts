import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { collected, type Finished, run, start } from "./process.ts";

export const projectRoot = path.join(import.meta.dirname, "../..");

/** Where `npm run setup:local` puts the models: for `LIVELLM_LOCAL_ENGINE`, as gateways of the tests run elsewhere. */
export const localEngineFolder = path.resolve(
  process.env.LIVELLM_LOCAL_ENGINE || path.join(projectRoot, ".local-engine"),
);

/** The gateway as its users run it: a process of its own, on a free port, with its data in a folder of its own. */
export interface Gateway extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  /** Where it runs and keeps its data. */
  readonly folder: string;
  /** All that it has written so far, to both streams. */
  output(): string;
  /** Resolves with the first log line, already written or still to come, that has this message. */
  logged(message: string): Promise<Readonly<Record<string, unknown>>>;
  /** The memory it holds, as the kernel counts it. */
  residentBytes(): number;
  kill(signal: NodeJS.Signals): void;
  /** Resolves when it has ended. */
  readonly ended: Promise<number | null>;
  /** Sends SIGTERM and waits; resolves with the exit code. */
  stop(): Promise<number | null>;
}

export interface GatewayOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** A folder to run in that outlives the process, for a restart. A new one, removed at the end, when unset. */
  readonly folder?: string;
}

/** Starts what `npm start` starts, and waits until it listens. Throws with what it wrote when it ends instead. */
export async function startGateway(options: GatewayOptions = {}): Promise<Gateway> {
  const folder = options.folder ?? temporaryFolder();
  const child = start(process.execPath, startArguments, { cwd: folder, env: environment(options), timeoutMs: 600_000 });
  const [stdout, stderr] = [collected(child.stdout), collected(child.stderr)];
  const output = () => stdout() + stderr();
  const ended = once(child, "close").then(([code]) => code as number | null);
  const log = new LogReader(child.stdout);
  const logged = (message: string) =>
    Promise.race([
      log.find(message),
      ended.then((code) => Promise.reject(new Error(`no "${message}" before it ended with ${code}:\n${output()}`))),
    ]);
  const stop = async () => {
    child.kill("SIGTERM");
    const code = await ended;
    if (options.folder === undefined) rmSync(folder, { recursive: true, force: true });
    return code;
  };
  const { url } = await logged("listening");
  const pid = child.pid ?? 0;
  return {
    url: String(url),
    pid,
    folder,
    output,
    logged,
    residentBytes: () => residentBytes(pid),
    kill: (signal) => void child.kill(signal),
    ended,
    stop,
    [Symbol.asyncDispose]: async () => void (await stop()),
  };
}

/** Runs the gateway where it is expected to end by itself, as with an environment it cannot use. */
export function runGateway(env: Readonly<Record<string, string>>): Promise<Finished> {
  return run(process.execPath, startArguments, { cwd: os.tmpdir(), env: environment({ env }) });
}

/** Starts the gateway where it may not come to listen. */
export function startProcess(env: Readonly<Record<string, string>>) {
  const child = start(process.execPath, startArguments, { cwd: os.tmpdir(), env: environment({ env }) });
  const output = collected(child.stdout);
  const ended = once(child, "close").then(([code]) => code as number | null);
  return { kill: (signal: NodeJS.Signals) => void child.kill(signal), ended, output };
}

/** A folder for one test's files. */
export function temporaryFolder(): string {
  return mkdtempSync(path.join(os.tmpdir(), "livellm-"));
}

/** From package.json's `"start": "node dist/src/main.js"`; we run elsewhere, so the file gets its whole path. */
export const startArguments: readonly string[] = startScript().map((word) =>
  /\.[jt]s$/.test(word) ? path.join(projectRoot, word) : word,
);

function startScript(): readonly string[] {
  const manifest = JSON.parse(readFileSync(path.join(projectRoot, "package.json"), "utf8")) as {
    readonly scripts: { readonly start: string };
  };
  const [program, ...words] = manifest.scripts.start.split(" ");
  if (program !== "node") throw new Error(`npm start runs ${program}, not node`);
  return words;
}

/** Nothing of the developer's own environment: a key there would make a provider. */
function environment({ env, folder }: GatewayOptions): NodeJS.ProcessEnv {
  return {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    PORT: "0",
    DATABASE_URL: folder === undefined ? "sqlite::memory:" : "sqlite:data/livellm.db",
    ...env,
  };
}

function residentBytes(pid: number): number {
  const [, kibibytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  if (kibibytes === undefined) throw new Error(`no VmRSS for process ${pid}`);
  return Number(kibibytes) * 1024;
}

type LogLine = Readonly<Record<string, unknown>>;

/** Reads JSON log lines as they come. */
class LogReader {
  readonly #lines: LogLine[] = [];
  readonly #waiting = new Set<(line: LogLine) => void>();

  constructor(stream: NodeJS.ReadableStream) {
    createInterface({ input: stream }).on("line", (text) => {
      const line = parsed(text);
      this.#lines.push(line);
      for (const look of this.#waiting) look(line);
    });
  }

  find(message: string): Promise<LogLine> {
    const found = this.#lines.find(({ msg }) => msg === message);
    if (found) return Promise.resolve(found);
    return new Promise((resolve) => {
      const look = (line: LogLine) => {
        if (line.msg !== message) return;
        this.#waiting.delete(look);
        resolve(line);
      };
      this.#waiting.add(look);
    });
  }
}

function parsed(text: string): LogLine {
  try {
    return JSON.parse(text) as LogLine;
  } catch {
    return { msg: text };
  }
}
