import { readFileSync } from "node:fs";
import path from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Browser, bundle, startBrowser } from "../support/browser.ts";
import type { BrowserClient } from "../support/browser-client.ts";
import { answerWith, type ChatVendor, startChatVendor } from "../support/chat-vendor.ts";
import { chromium, describeWith } from "../support/foreign-tools.ts";
import { type Gateway, projectRoot, startGateway } from "../support/gateway.ts";
import { createProvider } from "../support/json-call.ts";

describeWith(chromium, "connect-web in Chromium, from another origin,", () => {
  let browser: Browser;
  let gateway: Gateway;
  let closed: Gateway;
  let vendor: ChatVendor;
  let page: Page;

  beforeAll(async () => {
    browser = await startBrowser();
    gateway = await startGateway({ env: { LIVELLM_CORS_ORIGINS: `https://app.example.com,${browser.origin}` } });
    closed = await startGateway({ env: { LIVELLM_CORS_ORIGINS: "https://app.example.com" } });
    vendor = await startChatVendor(answerWith("Good ", "morning"));
    await createProvider(gateway.url, { id: "vendor", kind: "openai-compatible", baseUrl: vendor.baseUrl });
    const source = readFileSync(path.join(projectRoot, "test/support/browser-client.ts"), "utf8");
    page = await browser.open(await bundle(source, "test/support"));
  });

  afterAll(async () => {
    await browser[Symbol.asyncDispose]();
    await vendor[Symbol.asyncDispose]();
    await gateway.stop();
    await closed.stop();
  });

  /** Calls a function of the client in the page. */
  function inPage<K extends keyof BrowserClient>(method: K, ...args: Parameters<BrowserClient[K]>) {
    return page.evaluate(
      ([name, values]) => {
        const { livellmClient } = globalThis as unknown as {
          livellmClient: Record<string, (...a: unknown[]) => unknown>;
        };
        return livellmClient[name]?.(...values);
      },
      [method, args as unknown[]] as const,
    ) as ReturnType<BrowserClient[K]>;
  }

  describe.each(["connect", "grpc-web"] as const)("over %s", (protocol) => {
    test("calls a unary RPC", async () => {
      expect(await inPage("run", protocol, gateway.url, "Hello!")).toBe("Hello!");
    });

    test("streams the model echo word by word", async () => {
      const target = { provider: "local", model: "echo", options: { pace_ms: 60 } };
      const events = await inPage("stream", protocol, gateway.url, target, "one two three four");
      const words = events.filter(({ event }) => event.textDelta);
      expect(words.map(({ event }) => event.textDelta)).toMatchObject(
        ["one", " two", " three", " four"].map((text) => ({ text })),
      );
      // Four words, 60 ms apart: had something collected them, they would have come together.
      expect((words.at(-1)?.atMs ?? 0) - (words[0]?.atMs ?? 0)).toBeGreaterThan(120);
      expect(events.at(-1)?.event.finished).toMatchObject({ text: "one two three four" });
    });

    test("streams a vendor of chat completions", async () => {
      const events = await inPage("stream", protocol, gateway.url, { provider: "vendor", model: "m-1" }, "Hello!");
      expect(events.at(-1)?.event.finished).toMatchObject({ text: "Good morning" });
    });

    test("reads the detail of an error", async () => {
      const failure = await inPage("fail", protocol, gateway.url);
      expect(failure).toMatchObject({ code: "InvalidArgument", detail: { reason: "REASON_INVALID_REQUEST" } });
      expect(failure.detail?.fieldViolations).toMatchObject([{ field: "route" }, { field: "messages" }]);
    });

    test("is kept out where its origin is not on the list", async () => {
      await expect(inPage("run", protocol, closed.url, "Hello!")).rejects.toThrow(/fetch/i);
    });
  });
});
