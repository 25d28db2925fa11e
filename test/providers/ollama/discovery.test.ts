import { describe, expect, test } from "vitest";
import { cancelled } from "../../../src/core/error.ts";
import { ollamaAnswers, ollamaBaseUrl } from "../../../src/providers/ollama/index.ts";
import { createUpstream } from "../../../src/upstream/upstream.ts";
import { startVendor } from "../../support/vendor-server.ts";

describe("OLLAMA_HOST", () => {
  test.each([
    ["", "http://localhost:11434"],
    [' "" ', "http://localhost:11434"],
    ["0.0.0.0", "http://127.0.0.1:11434"],
    ["0.0.0.0:8080", "http://127.0.0.1:8080"],
    [":8080", "http://localhost:8080"],
    ["box", "http://box:11434"],
    ["box:1234", "http://box:1234"],
    ['"box:1234"', "http://box:1234"],
    ["box:1234/", "http://box:1234"],
    ["http://box", "http://box"],
    ["http://box:11434", "http://box:11434"],
    ["https://ollama.com", "https://ollama.com"],
    ["HTTPS://box:8443/ollama/", "https://box:8443/ollama"],
    ["::1", "http://[::1]:11434"],
    ["[::1]:1234", "http://[::1]:1234"],
    ["[::]", "http://[::1]:11434"],
    ["::", "http://[::1]:11434"],
    ["fe80::1", "http://[fe80::1]:11434"],
  ])("%j is %s", (variable, baseUrl) => {
    expect(ollamaBaseUrl(variable)).toBe(baseUrl);
  });

  test.each(["ftp://box", "box:port", "two words", "box:99999"])("%j is refused", (variable) => {
    expect(() => ollamaBaseUrl(variable)).toThrow(RangeError);
  });
});

describe("whether an Ollama answers", () => {
  const { signal } = new AbortController();
  const probe = async (baseUrl: string, caller: AbortSignal = signal) => {
    const upstream = createUpstream({ connectTimeoutMs: 5_000, secrets: [] });
    try {
      return await ollamaAnswers(upstream, baseUrl, caller);
    } finally {
      await upstream.close();
    }
  };

  test("yes, with its version", async () => {
    await using vendor = await startVendor({ body: ['{"version":"0.33.3"}'] });
    expect(await probe(vendor.url)).toBe(true);
    expect(vendor.calls[0]).toMatchObject({ method: "GET", path: "/api/version" });
  });

  test.each([
    ["another server", { body: ["<html></html>"] }],
    ["one that has no such path", { status: 404, body: ["{}"] }],
    ["JSON of another kind", { body: ["[]"] }],
  ])("no: %s", async (_, answer) => {
    await using vendor = await startVendor(answer);
    expect(await probe(vendor.url)).toBe(false);
  });

  test("no: nobody there", async () => {
    const vendor = await startVendor();
    await vendor[Symbol.asyncDispose]();
    expect(await probe(vendor.url)).toBe(false);
  });

  test("no: one that takes its time, whose socket is closed", async () => {
    await using vendor = await startVendor({ ending: "hang" });
    const started = performance.now();
    expect(await probe(vendor.url)).toBe(false);
    expect(performance.now() - started).toBeLessThan(3_000);
    expect(await vendor.calls[0]?.closed).toMatchObject({ complete: false });
  });

  test("the caller may leave", async () => {
    await using vendor = await startVendor({ ending: "hang" });
    await expect(probe(vendor.url, AbortSignal.abort(cancelled()))).rejects.toMatchObject({ code: "canceled" });
  });
});
