import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import os from "node:os";
import path from "node:path";
import esbuild from "esbuild";
import { type BrowserContext, chromium as driver, type Page } from "playwright-core";
import { chromium } from "./foreign-tools.ts";
import { projectRoot } from "./gateway.ts";

/** A headless Chromium with one page, which a server of its own serves: another origin than the gateway's. */
export interface Browser extends AsyncDisposable {
  readonly origin: string;
  /** Opens a fresh page that runs this script, and nothing else. */
  open(script: string): Promise<Page>;
}

/** Nothing that calls home: this flag list is what a closed network needs. */
const flags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export async function startBrowser(): Promise<Browser> {
  let script = "";
  const server = http.createServer((request, response) => {
    const isScript = request.url === "/page.js";
    response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
    response.end(
      isScript ? script : '<!doctype html><title>test</title><script type="module" src="/page.js"></script>',
    );
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const profile = mkdtempSync(path.join(os.tmpdir(), "livellm-chromium-"));
  const context = await launch(profile);
  return {
    origin,
    async open(next) {
      script = next;
      const page = await context.newPage();
      await page.goto(origin);
      return page;
    },
    [Symbol.asyncDispose]: async () => {
      await context.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

function launch(profile: string): Promise<BrowserContext> {
  return driver.launchPersistentContext(profile, { executablePath: chromium.program, headless: true, args: flags });
}

/** A script for the browser, from TypeScript that stands in a folder of this project. */
export async function bundle(contents: string, folder: string): Promise<string> {
  const resolveDir = path.join(projectRoot, folder);
  const { outputFiles } = await esbuild.build({
    stdin: { contents, resolveDir, loader: "ts" },
    bundle: true,
    format: "esm",
    write: false,
    logLevel: "error",
  });
  const [file] = outputFiles;
  if (!file) throw new Error("esbuild has made no file");
  return file.text;
}
