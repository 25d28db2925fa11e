import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type PinnedProcess, startPinned } from "./pinned-process.ts";

const folder = path.join(import.meta.dirname, ".peers");

/**
 * Portkey with the version of its HTTP server with which it can stream: what a plain install gives fails every streaming
 * call. The override puts it below the package too, where it would find a newer one first.
 */
const manifest = {
  private: true,
  dependencies: { "@portkey-ai/gateway": "1.15.2", "@hono/node-server": "1.13.5" },
  overrides: { "@hono/node-server": "1.13.5" },
};

/** Installs the peers beside this file, once; what is installed is not the project's. */
export function installPeers(): void {
  const file = path.join(folder, "package.json");
  const text = `${JSON.stringify(manifest, null, 2)}\n`;
  if (existsSync(path.join(folder, "node_modules")) && readFileSync(file, "utf8") === text) return;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(file, text);
  execFileSync("npm", ["install", "--prefix", folder, "--no-audit", "--no-fund", "--silent"], { stdio: "inherit" });
}

/** The versions of what is compared, for the report. */
export function peerVersions(): readonly string[] {
  return Object.entries(manifest.dependencies).map(([name, version]) => `${name} ${version}`);
}

export function startPortkey(core: number): Promise<PinnedProcess> {
  const port = 20_000 + (process.pid % 20_000);
  return startPinned({
    core,
    args: [path.join(folder, "node_modules/@portkey-ai/gateway/build/start-server.js"), `--port=${port}`, "--headless"],
    env: { TRUSTED_CUSTOM_HOSTS: "127.0.0.1", NODE_ENV: "production" },
    listens: new RegExp(`:(${port})`),
  });
}

export function portkeyHeaders(vendor: PinnedProcess): Readonly<Record<string, string>> {
  return {
    "x-portkey-provider": "openai",
    "x-portkey-custom-host": `http://127.0.0.1:${vendor.port}/v1`,
    authorization: "Bearer none",
  };
}
