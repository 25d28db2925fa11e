import { afterAll, beforeAll, expect, test } from "vitest";
import { createFetch, type FetchPool } from "../../src/upstream/fetch.ts";
import { startVendor } from "../support/vendor-server.ts";

let pool: FetchPool;
beforeAll(() => {
  pool = createFetch({ connectTimeoutMs: 2_000, maxBodyBytes: 10_000 });
});
afterAll(() => pool.close());

test("a request goes out as it is, over one connection, and the answer comes back", async () => {
  await using vendor = await startVendor({ status: 201, headers: { "x-a": "1" }, body: ["he", "llo"] });
  const init = { method: "POST", body: "hi", headers: new Headers({ "x-key": "k" }) };
  const answer = await pool.fetch(`${vendor.url}/a?b=c`, init);
  expect([answer.status, answer.headers.get("x-a"), await answer.text()]).toEqual([201, "1", "hello"]);
  expect(vendor.calls[0]).toMatchObject({ method: "POST", path: "/a?b=c", body: "hi", headers: { "x-key": "k" } });
});

test("a redirect is an error, and is not followed", async () => {
  await using other = await startVendor({ body: ["stolen"] });
  await using vendor = await startVendor({ status: 302, headers: { location: other.url } });
  await expect(pool.fetch(vendor.url)).rejects.toMatchObject({
    code: "failed_precondition",
    message: expect.stringMatching(/answered 302: redirects are not followed/),
    facts: { httpStatus: 302 },
  });
  expect(other.calls).toEqual([]);
});

test("a body that is larger than the limit breaks off", async () => {
  await using vendor = await startVendor({ body: ["x".repeat(9_000), "x".repeat(9_000)], ending: "hang" });
  const answer = await pool.fetch(vendor.url);
  await expect(answer.text()).rejects.toMatchObject({ message: "the answer is larger than 9 KiB" });
  expect((await vendor.calls[0]?.closed)?.complete).toBe(false);
});

test("an aborted request is closed, and gives the signal's reason", async () => {
  await using vendor = await startVendor({ ending: "hang" });
  const caller = new AbortController();
  const answer = await pool.fetch(vendor.url, { signal: caller.signal });
  const text = answer.text();
  caller.abort(new Error("enough"));
  await expect(text).rejects.toThrow();
  expect((await vendor.calls[0]?.closed)?.complete).toBe(false);
  await expect(pool.fetch(vendor.url, { signal: caller.signal })).rejects.toThrow("enough");
});
