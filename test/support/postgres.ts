import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomBytes, randomInt } from "node:crypto";
import { once } from "node:events";
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import os from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import pg from "pg";
import type { ForeignTool } from "./foreign-tools.ts";

/** Where Debian puts the newest server; the PATH elsewhere. */
const programs = (() => {
  const root = "/usr/lib/postgresql";
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : [];
  return (
    versions.map((version) => path.join(root, version, "bin")).find((folder) => existsSync(`${folder}/initdb`)) ?? ""
  );
})();

export const postgres: ForeignTool = {
  program: "postgres",
  missing: existsSync(path.join(programs, "initdb")) ? undefined : "PostgreSQL's server is not installed",
};

/** A PostgreSQL server of its own, on a port of its own, with its data in a temporary folder. */
export interface PostgresServer extends AsyncDisposable {
  readonly port: number;
  readonly folder: string;
  /** Whose its files are: a user and a group. */
  readonly owner: readonly [uid: number, gid: number];
  /** Makes an empty database, owned by a user `livellm` whose password is {@link postgresPassword}; gives its address. */
  createDatabase(): Promise<string>;
  /** Runs statements as the superuser, in the database of this address, or in `postgres`. */
  execute(statements: string, databaseUrl?: string): Promise<readonly Readonly<Record<string, unknown>>[]>;
  /** Stops it as `pg_ctl stop -m fast`, or as a crash. Its data stays. */
  stop(how?: "fast" | "crash"): Promise<void>;
  /** Nothing when it runs. */
  start(settings?: readonly string[]): Promise<void>;
}

/** Odd enough to be found wherever it must not be. */
export const postgresPassword = "pw-canary-4b1f9e27c6d0";

export async function startPostgres(): Promise<PostgresServer> {
  const folder = mkdtempSync(path.join(os.tmpdir(), "livellm-postgres-"));
  const owner = ownerOf(folder);
  makeCluster(folder, owner);
  const port = await freePort();
  let server: ChildProcess | undefined;
  const start = async (settings: readonly string[] = []) => {
    if (server && server.exitCode === null) return;
    const options = ["-c", `port=${port}`, ...settings.flatMap((setting) => ["-c", setting])];
    server = spawn(path.join(programs, "postgres"), ["-D", path.join(folder, "data"), ...fixed(folder), ...options], {
      ...owner,
      cwd: folder,
      stdio: ["ignore", "ignore", "pipe"],
    });
    await ready(server);
  };
  const stop = async (how: "fast" | "crash" = "fast") => {
    if (!server || server.exitCode !== null) return;
    const ended = once(server, "close");
    server.kill(how === "fast" ? "SIGINT" : "SIGQUIT");
    await ended;
  };
  const execute: PostgresServer["execute"] = async (statements, databaseUrl) => {
    const database = databaseUrl ? new URL(databaseUrl).pathname.slice(1) : "postgres";
    const client = new pg.Client({ host: "127.0.0.1", port, user: "postgres", password: postgresPassword, database });
    client.on("error", () => undefined);
    await client.connect();
    try {
      const results = [await client.query(statements)].flat();
      return results.at(-1)?.rows ?? [];
    } finally {
      await client.end();
    }
  };
  await start();
  await execute(`create role livellm login password '${postgresPassword}'`);
  return {
    port,
    folder,
    owner: [owner.uid ?? process.getuid?.() ?? 0, owner.gid ?? process.getgid?.() ?? 0],
    execute,
    stop,
    start,
    createDatabase: async () => {
      const name = `test_${randomBytes(6).toString("hex")}`;
      await execute(`create database ${name} owner livellm template template0`);
      return `postgres://livellm:${postgresPassword}@127.0.0.1:${port}/${name}`;
    },
    [Symbol.asyncDispose]: async () => {
      await stop("crash");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Nothing is kept beyond the test, so nothing waits for the disk. */
const fixed = (folder: string) =>
  ["listen_addresses=127.0.0.1", `unix_socket_directories=${folder}`, "fsync=off", "max_connections=60"].flatMap(
    (setting) => ["-c", setting],
  );

/** PostgreSQL does not run as root. */
function ownerOf(folder: string): { readonly uid?: number; readonly gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const [uid, gid] = ["-u", "-g"].map((flag) => Number(execFileSync("id", [flag, "postgres"], { encoding: "utf8" })));
  if (uid === undefined || gid === undefined) throw new Error("there is no user postgres");
  chownSync(folder, uid, gid);
  return { uid, gid };
}

function makeCluster(folder: string, owner: { readonly uid?: number; readonly gid?: number }): void {
  const file = path.join(folder, "password");
  writeFileSync(file, postgresPassword);
  chmodSync(file, 0o644);
  const rules = ["--username=postgres", "--auth=scram-sha-256", `--pwfile=${file}`];
  const locale = ["--locale-provider=icu", "--icu-locale=en-US", "--locale=C.UTF-8", "--encoding=UTF8"];
  execFileSync(path.join(programs, "initdb"), ["-D", path.join(folder, "data"), ...rules, ...locale, "--no-sync"], {
    ...owner,
    cwd: folder,
    stdio: ["ignore", "ignore", "inherit"],
  });
}

/**
 * A port that is free now, and below those that Linux gives to whoever connects or listens at 0: it is still free when the
 * server comes back after a stop.
 */
async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(15_000, 32_000);
    if (await isFree(port)) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    await once(server.listen(port, "127.0.0.1"), "listening");
    return true;
  } catch {
    return false; // taken, and that is the answer
  } finally {
    server.close();
  }
}

/** Resolves when it says that it takes connections; throws with what it has said when it ends instead. */
async function ready(server: ChildProcess): Promise<void> {
  if (!server.stderr) throw new Error("nothing is heard of it");
  const said: string[] = [];
  const lines = createInterface({ input: server.stderr });
  await new Promise<void>((resolve, reject) => {
    lines.on("line", (line) => {
      said.push(line);
      if (line.includes("ready to accept connections")) resolve();
    });
    server.once("close", (code) => reject(new Error(`PostgreSQL has ended with ${code}: ${said.join("\n")}`)));
  });
}
