// Does what the README tells a newcomer to do, in a clean clone of the commit: `npm ci`, `npm start`, the first call.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { documentedPort, shellCalls } from "../test/support/code-blocks.ts";

const project = path.join(import.meta.dirname, "..");
const folder = mkdtempSync(path.join(os.tmpdir(), "livellm-clone-"));
try {
  await tryClone(path.join(folder, "clone"));
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function tryClone(clone: string): Promise<void> {
  await say("git", ["clone", "--quiet", "--no-hardlinks", project, clone], project);
  await say("npm", ["ci", "--no-audit", "--no-fund"], clone);
  await withGateway(clone, async (url) => {
    const [firstCall] = shellCalls("README.md");
    if (!firstCall) throw new Error("the README has no call");
    const answer = await say("bash", ["-ec", firstCall.text.replaceAll(documentedPort, new URL(url).host)], clone);
    if (!answer.includes('"finished"')) throw new Error(`the first call did not finish: ${answer}`);
  });
}

/** A group of its own, because npm stands between us and the gateway. */
async function withGateway(cwd: string, use: (url: string) => Promise<void>): Promise<void> {
  const env = { ...process.env, PORT: "0", DATABASE_URL: "sqlite::memory:" };
  const npm = spawn("npm", ["start"], { cwd, env, detached: true, stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(npm, "close");
  try {
    await use(await listeningAddress(npm));
  } finally {
    if (npm.pid !== undefined && npm.exitCode === null) process.kill(-npm.pid, "SIGTERM");
    await ended;
  }
}

async function listeningAddress(npm: ChildProcess): Promise<string> {
  if (!npm.stdout) throw new Error("npm start has no output");
  try {
    for await (const line of createInterface({ input: npm.stdout })) {
      console.log(line);
      const [, url] = /"url":"([^"]+)".*"msg":"listening"/.exec(line) ?? [];
      if (url !== undefined) return url;
    }
  } finally {
    npm.stdout.resume(); // what comes later is not read, and must not stop the writer
  }
  throw new Error("npm start ended before it listened");
}

/** Runs a command, shows what it prints, and returns it. Throws when it fails. */
async function say(program: string, args: readonly string[], cwd: string): Promise<string> {
  console.log(`$ ${program} ${args.join(" ")}`);
  const child = spawn(program, [...args], { cwd, stdio: ["ignore", "pipe", "inherit"], timeout: 300_000 });
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  const [code] = await once(child, "close");
  const output = Buffer.concat(chunks).toString("utf8");
  console.log(output.trimEnd());
  if (code !== 0) throw new Error(`${program} ended with ${code}`);
  return output;
}
