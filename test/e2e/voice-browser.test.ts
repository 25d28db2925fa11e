import { readFileSync } from "node:fs";
import path from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Local, notInstalled, openLocal } from "../providers/local/engine.ts";
import { type Browser, bundle, startBrowser } from "../support/browser.ts";
import type { PageVoice, SpeakAndHear } from "../support/browser-voice.ts";
import { chromium, describeWith } from "../support/foreign-tools.ts";
import { type Gateway, localEngineFolder, projectRoot, startGateway } from "../support/gateway.ts";
import { expectHeard, finalsOf } from "../support/heard.ts";
import { createProvider } from "../support/json-call.ts";
import { voiceVendors } from "../support/voice-vendors.ts";

const texts = ["The weather in the mountains was cold and very windy.", "Please call me back tomorrow morning."];
const speech = { targets: [{ provider: "local", model: "flite", voice: "rms" }] };
const missing = chromium.missing ?? notInstalled;

describeWith({ program: chromium.program, missing }, "a page in Chromium", () => {
  let browser: Browser;
  let gateway: Gateway;
  let local: Local;
  let page: Page;

  beforeAll(async () => {
    browser = await startBrowser();
    gateway = await startGateway({
      env: { LIVELLM_CORS_ORIGINS: browser.origin, LIVELLM_LOCAL_ENGINE: localEngineFolder },
    });
    local = openLocal();
    const source = readFileSync(path.join(projectRoot, "test/support/browser-voice.ts"), "utf8");
    page = await browser.open(await bundle(source, "test/support"));
  });
  afterAll(async () => {
    await browser[Symbol.asyncDispose]();
    await local[Symbol.asyncDispose]();
    await gateway.stop();
  });

  function speakAndHear(hearing: object) {
    const call: SpeakAndHear = { url: gateway.url, speech, hearing, texts };
    return page.evaluate(
      (value) => (globalThis as unknown as { livellmVoice: PageVoice }).livellmVoice.speakAndHear(value),
      call,
    );
  }

  async function expectBoth(target: object): Promise<void> {
    const events = await speakAndHear({ targets: [target] });
    expect(events.at(-1)).toEqual({ status: { code: "ok" } });
    expectHeard(events.slice(0, -1), texts.join(" "));
    expect(finalsOf(events)).toHaveLength(2);
  }

  test("hears what it has had spoken, over a WebSocket, by the local engine", { timeout: 60_000 }, async () => {
    await expectBoth({ provider: "local", model: "moonshine-base" });
  });

  const kinds = voiceVendors.map((kind) => [kind.name, kind] as const);
  test.each(kinds)("and by %s", { timeout: 60_000 }, async (_, { kind, model, start }) => {
    await using vendor = await start(local);
    const id = `${kind}-${model}`;
    await createProvider(gateway.url, { id, kind, apiKey: "key-of-the-test", baseUrl: vendor.baseUrl });
    await expectBoth({ provider: id, model });
  });
});
