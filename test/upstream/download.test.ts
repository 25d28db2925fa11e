import { describe, expect, test } from "vitest";
import { cancelled } from "../../src/core/error.ts";
import type { DownloadLimits } from "../../src/core/upstream.ts";
import { download } from "../../src/upstream/download.ts";
import { administratorsGuard as guard } from "../../src/upstream/guard.ts";
import { startVendor, type VendorAnswer } from "../support/vendor-server.ts";

const never = new AbortController().signal;
const png = { "content-type": "image/png; charset=binary" };

async function fetchFrom(answer: VendorAnswer, limits: Partial<DownloadLimits> = {}, signal = never) {
  await using vendor = await startVendor(answer);
  const given = { providerUrl: `${vendor.url}/v1`, mimeTypePrefix: "image/", maxBytes: 100, timeoutMs: 20_000, guard };
  return await download(`${vendor.url}/a.png`, { ...given, ...limits }, signal);
}

const unreadable = { code: "internal", reason: "bad_provider_response" };

describe("a file of the provider's", () => {
  test("its bytes and its type", async () => {
    const { data, mimeType } = await fetchFrom({ headers: png, body: ["ab", "c"] });
    expect([Buffer.from(data).toString(), mimeType]).toEqual(["abc", "image/png"]);
  });

  test("stores that keep no types", async () => {
    const { mimeType } = await fetchFrom({ headers: { "content-type": "application/octet-stream" }, body: ["a"] });
    expect(mimeType).toBe("application/octet-stream");
  });

  test("of another type is refused", async () => {
    await expect(fetchFrom({ headers: { "content-type": "text/html" }, body: ["<p>"] })).rejects.toMatchObject({
      ...unreadable,
      message: expect.stringContaining("text/html"),
    });
  });

  test("that says it is too large is refused before it is read", async () => {
    const answer = { headers: { ...png, "content-length": "101" }, ending: "hang" as const };
    await expect(fetchFrom(answer)).rejects.toMatchObject({ ...unreadable, message: expect.stringContaining("100") });
  });

  test("that turns out to be too large is cut off", async () => {
    const answer = { headers: png, body: ["x".repeat(60), "x".repeat(60)], ending: "hang" as const };
    await expect(fetchFrom(answer)).rejects.toMatchObject(unreadable);
  });

  test("of exactly the most bytes is taken", async () => {
    expect((await fetchFrom({ headers: png, body: ["x".repeat(100)] })).data).toHaveLength(100);
  });

  test("that does not come in time", async () => {
    const answer = { headers: png, body: ["x"], ending: "hang" as const };
    await expect(fetchFrom(answer, { timeoutMs: 30 })).rejects.toMatchObject({
      code: "unavailable",
      reason: "timeout",
    });
  });

  test("that breaks off", async () => {
    const answer = { headers: png, body: ["x"], ending: "reset" as const };
    await expect(fetchFrom(answer)).rejects.toMatchObject({ code: "unavailable", reason: "stream_broken" });
  });

  test("is let go of when the caller leaves", async () => {
    await using vendor = await startVendor({ headers: png, body: ["x"], ending: "hang" });
    const limits = { providerUrl: vendor.url, mimeTypePrefix: "image/", maxBytes: 100, timeoutMs: 20_000, guard };
    const abort = new AbortController();
    const next = vendor.nextCall();
    const work = download(`${vendor.url}/a.png`, limits, abort.signal);
    const call = await next;
    abort.abort(cancelled());
    await expect(work).rejects.toMatchObject({ code: "canceled" });
    expect(await call.closed).toMatchObject({ complete: false });
  });
});

describe("redirects", () => {
  const to = (location: string): VendorAnswer => ({ status: 302, headers: { location } });

  test("to another path are followed", async () => {
    await using vendor = await startVendor();
    vendor.answerWith(({ path }) => (path === "/b.png" ? { headers: png, body: ["b"] } : to("/b.png")));
    const limits = { providerUrl: vendor.url, mimeTypePrefix: "image/", maxBytes: 100, timeoutMs: 20_000, guard };
    expect(Buffer.from((await download(`${vendor.url}/a.png`, limits, never)).data).toString()).toBe("b");
  });

  test("to another host are not", async () => {
    await using other = await startVendor({ headers: png, body: ["secret"] });
    await expect(fetchFrom(to(`${other.url}/a.png`))).rejects.toMatchObject(unreadable);
    expect(other.calls).toEqual([]);
  });

  test("without end come to one", async () => {
    await expect(fetchFrom(to("/a.png"))).rejects.toMatchObject({
      ...unreadable,
      message: expect.stringContaining("more than 3"),
    });
  });
});

describe("addresses that are not called", () => {
  const limits = {
    providerUrl: "https://api.example.com",
    mimeTypePrefix: "image/",
    maxBytes: 1,
    timeoutMs: 5_000,
    guard,
  };

  test.each([
    "http://example.com/a.png",
    "https://127.0.0.1/a.png",
    "https://2130706433/a.png",
    "https://0x7f.1/a.png",
    "https://169.254.169.254/latest/meta-data",
    "https://[::1]/a.png",
    "https://[::ffff:10.0.0.1]/a.png",
    "https://localhost/a.png",
    "ftp://example.com/a.png",
    "file:///etc/passwd",
  ])("%s", async (url) => {
    await expect(download(url, limits, never)).rejects.toMatchObject({
      ...unreadable,
      message: expect.stringContaining("does not call"),
    });
  });

  test("what is no address at all", async () => {
    await expect(download("a.png", limits, never)).rejects.toMatchObject(unreadable);
  });
});
