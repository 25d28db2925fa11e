import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Written to the standard input, which is then closed. */
  readonly input?: string;
  /** The process is killed after this time. 20 seconds when unset. */
  readonly timeoutMs?: number;
}

/** Runs a program to its end. Never blocks: servers of the tests live in this process. */
export async function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const child = start(program, args, options);
  const [stdout, stderr] = [collected(child.stdout), collected(child.stderr)];
  child.stdin.end(options.input ?? "");
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stdout: stdout(), stderr: stderr() };
}

/** Starts a program that answers bit by bit. Its input is left open. */
export function start(
  program: string,
  args: readonly string[],
  { cwd, env, timeoutMs = 20_000 }: RunOptions = {},
): ChildProcessWithoutNullStreams {
  const child = spawn(program, [...args], { cwd, env, timeout: timeoutMs, killSignal: "SIGKILL" });
  child.stdin.on("error", () => undefined); // a program that does not read its input
  return child;
}

/** What a stream has said so far. */
export function collected(stream: NodeJS.ReadableStream): () => string {
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString("utf8");
}
