import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { type BrowserContext, chromium as driver, type Page } from "playwright-core";
import { chromium } from "./foreign-tools.ts";

/** Headless Chromium with a microphone that beeps, for pages that the gateway serves. */
export interface PageBrowser extends AsyncDisposable {
  /** Opens a page in a window of this size; what its console says, and what it breaks, is collected. */
  visit(url: string, size?: { readonly width: number; readonly height: number }): Promise<Visit>;
}

export interface Visit {
  readonly page: Page;
  /** Errors of the page: exceptions, refused resources, broken rules of its content security policy. */
  readonly problems: readonly string[];
}

/** Nothing that calls home, and a microphone without asking. */
const flags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--use-fake-device-for-media-stream",
  "--use-fake-ui-for-media-stream",
];

/** `heard` is a WAV file that the microphone hears in place of its beeps, once. */
export async function startPageBrowser(heard?: string): Promise<PageBrowser> {
  const profile = mkdtempSync(path.join(os.tmpdir(), "livellm-chromium-"));
  const context: BrowserContext = await driver.launchPersistentContext(profile, {
    executablePath: chromium.program,
    headless: true,
    args: heard === undefined ? flags : [...flags, `--use-file-for-fake-audio-capture=${heard}%noloop`],
    acceptDownloads: true,
  });
  return {
    async visit(url, size = { width: 1000, height: 800 }) {
      const page = await context.newPage();
      await page.setViewportSize(size);
      const problems: string[] = [];
      page.on("pageerror", (error) => problems.push(String(error)));
      page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
      await page.goto(url);
      return { page, problems };
    },
    [Symbol.asyncDispose]: async () => {
      await context.close();
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
