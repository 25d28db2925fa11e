import { describe, expect, test } from "vitest";
import { cancelled } from "../../../src/core/error.ts";
import { ollama } from "../../../src/providers/ollama/index.ts";
import { startVendor, type VendorServer } from "../../support/vendor-server.ts";
import { buildProvider } from "../openai-compatible/provider.ts";

const { signal } = new AbortController();
const tags = (...names: readonly string[]) => JSON.stringify({ models: names.map((name) => ({ name, model: name })) });
const described: Readonly<Record<string, object>> = {
  "llama3.2:latest": { model_info: { "general.architecture": "llama", "llama.context_length": 131_072 } },
  "small:1b": {
    model_info: { "general.architecture": "qwen3", "qwen3.context_length": 40_960 },
    parameters: 'stop                           "<|im_end|>"\nnum_ctx                        8192',
    capabilities: ["completion", "tools"],
  },
  "odd:7b": { parameters: "num_ctx 4096" },
};

async function startLibrary(...names: readonly string[]): Promise<VendorServer> {
  const vendor = await startVendor();
  vendor.answerWith(({ path, body }) => {
    if (path === "/api/tags") return { body: [tags(...names)] };
    const show = described[JSON.parse(body).model];
    return show ? { body: [JSON.stringify(show)] } : { status: 404, body: ['{"error":"model not found"}'] };
  });
  return vendor;
}

describe("listing models", () => {
  test("with their context windows; one that cannot be shown is listed all the same", async () => {
    await using vendor = await startLibrary("llama3.2:latest", "small:1b", "odd:7b", "gone:1b");
    await using provider = buildProvider(ollama, { baseUrl: vendor.url, apiKey: "k-1" });
    expect(await provider.models.list(signal)).toEqual([
      { id: "llama3.2:latest", aliases: ["llama3.2"], contextWindow: 131_072 },
      { id: "small:1b", contextWindow: 8192 },
      { id: "odd:7b", contextWindow: 4096 },
      { id: "gone:1b" },
    ]);
    expect(vendor.calls[0]).toMatchObject({ method: "GET", path: "/api/tags" });
    expect(vendor.calls.every(({ headers }) => headers.authorization === "Bearer k-1")).toBe(true);
  });

  test("asks for four at a time", async () => {
    const names = Array.from({ length: 9 }, (_, index) => `m${index}`);
    await using vendor = await startVendor();
    const shows = () => vendor.calls.filter(({ path }) => path === "/api/show");
    const release = Promise.withResolvers<void>();
    const four = Promise.withResolvers<void>();
    async function* held() {
      await release.promise;
      yield "{}";
    }
    vendor.answerWith(({ path }) => {
      if (shows().length === 4) four.resolve();
      if (path === "/api/show") return { body: held() };
      return { body: [tags(...names)] };
    });
    await using provider = buildProvider(ollama, { baseUrl: vendor.url });
    const listing = provider.models.list(signal);
    await four.promise;
    // A fifth would have been sent with the four, and be there before the answers to these.
    for (let turn = 0; turn < 3; turn++) await (await fetch(`${vendor.url}/api/tags`)).text();
    expect(shows()).toHaveLength(4);
    release.resolve();
    expect((await listing).map(({ id }) => id)).toEqual(names);
    expect(shows()).toHaveLength(9);
  });

  test("is over when the caller leaves", async () => {
    await using vendor = await startVendor();
    const abort = new AbortController();
    vendor.answerWith(({ path }) => {
      if (path === "/api/tags") return { body: [tags("a")] };
      abort.abort(cancelled());
      return { ending: "hang" };
    });
    await using provider = buildProvider(ollama, { baseUrl: vendor.url });
    await expect(provider.models.list(abort.signal)).rejects.toMatchObject({ code: "canceled" });
    expect(await vendor.calls[1]?.closed).toMatchObject({ complete: false });
  });

  test("an answer that is no list is unreadable", async () => {
    await using vendor = await startVendor({ body: ["[]"] });
    await using provider = buildProvider(ollama, { baseUrl: vendor.url });
    await expect(provider.models.list(signal)).rejects.toMatchObject({ reason: "bad_provider_response" });
  });
});
