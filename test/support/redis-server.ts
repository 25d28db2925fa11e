import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { createClient } from "@redis/client";
import type { ForeignTool } from "./foreign-tools.ts";
import { freePort } from "./free-port.ts";
import { temporaryFolder } from "./gateway.ts";
import { collected, start } from "./process.ts";

const program = "redis-server";

export const redisServer: ForeignTool = {
  program,
  missing: spawnSync(program, ["--version"]).status === 0 ? undefined : "redis-server is not installed",
};

/** A Redis server of the test's own, which keeps nothing. */
export interface RedisServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** Kills it; its connections break, and it forgets everything. */
  kill(): Promise<void>;
  /** Starts it again, at the same port. */
  restart(): Promise<void>;
  /** Stops it where it stands: connections stay, and nothing is answered until it goes on. */
  freeze(): void;
  thaw(): void;
  /** Sends it one command. */
  command(...words: readonly string[]): Promise<unknown>;
}

/** `settings` are words of its command line, such as `--requirepass secret`; `user` is what is before its host in its URL. */
export async function startRedis(
  settings: readonly string[] = [],
  user = "",
  transport: "plain" | "tls" = "plain",
): Promise<RedisServer> {
  const folder = temporaryFolder();
  const port = await freePort();
  const url = `${transport === "tls" ? "rediss" : "redis"}://${user}127.0.0.1:${port}`;
  const ports = transport === "tls" ? ["--port", "0", "--tls-port", String(port)] : ["--port", String(port)];
  const words = [...ports, ...settings];
  let child = await launch(folder, words);
  const kill = async () => {
    const ended = once(child, "close");
    child.kill("SIGKILL");
    await ended;
  };
  return {
    url,
    port,
    kill,
    async restart() {
      child = await launch(folder, words);
    },
    freeze: () => void child.kill("SIGSTOP"),
    thaw: () => void child.kill("SIGCONT"),
    async command(...words) {
      const client = createClient({ url, socket: { reconnectStrategy: false } });
      await client.connect();
      try {
        return await client.sendCommand<unknown>([...words]);
      } finally {
        client.destroy();
      }
    },
    async [Symbol.asyncDispose]() {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function launch(folder: string, settings: readonly string[]) {
  const options = ["--bind", "127.0.0.1", "--dir", folder, "--save", "", "--appendonly", "no"];
  const child = start(program, [...options, ...settings], { timeoutMs: 600_000 });
  const output = collected(child.stdout);
  await new Promise<void>((resolve, reject) => {
    child.stdout.on("data", () => output().includes("Ready to accept connections") && resolve());
    child.once("close", () => reject(new Error(`redis-server ended:\n${output()}`)));
  });
  return child;
}
