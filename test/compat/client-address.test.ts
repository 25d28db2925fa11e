import { expect, test } from "vitest";
import { addressOfClient } from "../../src/compat/apc/client-address.ts";
import { proxyCheck } from "../../src/requests-guard.ts";

const isProxy = proxyCheck(["10.0.0.1", "10.0.0.2", "fd00::/8"]);

test.each([
  ["nobody is believed who is no proxy of ours", { "x-forwarded-for": "1.1.1.1" }, "9.9.9.9", "9.9.9.9"],
  ["what a proxy of ours has seen", { "x-forwarded-for": "1.1.1.1" }, "10.0.0.1", "1.1.1.1"],
  ["not what the client has written before it", { "x-forwarded-for": "6.6.6.6, 1.1.1.1" }, "10.0.0.1", "1.1.1.1"],
  ["through two proxies of ours", { "x-forwarded-for": "1.1.1.1, 10.0.0.2" }, "10.0.0.1", "1.1.1.1"],
  ["the standard's header", { forwarded: 'for="[2001:db8::1]";proto=https' }, "10.0.0.1", "2001:db8::1"],
  ["through one of a block that is ours", { "x-forwarded-for": "1.1.1.1" }, "fd00::7", "1.1.1.1"],
  ["the third way to say it", { "x-real-ip": "1.1.1.1" }, "10.0.0.1", "1.1.1.1"],
  ["a proxy that says nothing", {}, "10.0.0.1", "10.0.0.1"],
])("%s", (_, headers, remote, expected) => {
  expect(addressOfClient(new Headers(headers as Record<string, string>), remote, isProxy)).toBe(expected);
});
