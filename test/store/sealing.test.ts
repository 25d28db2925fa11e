import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { createSealer } from "../../src/store/sealing.ts";

const sealer = createSealer(randomBytes(32));
const secret = "sk-canary-7f3a91c2d5e8 – with 日本語";

describe("sealing", () => {
  it.each(["", "x", secret, "x".repeat(100_000)])("opens what it sealed", (text) => {
    const sealed = sealer.seal(text, "openai-1");
    expect(sealed).toMatch(/^v1\.[A-Za-z0-9_-]+$/);
    expect(sealer.open(sealed, "openai-1")).toBe(text);
  });

  it("never gives the same twice", () => {
    const all = Array.from({ length: 100 }, () => sealer.seal(secret, "a").slice(0, 19)); // prefix and nonce
    expect(new Set(all).size).toBe(100);
  });

  it("does not open for another owner", () => {
    expect(sealer.open(sealer.seal(secret, "a"), "b")).toBeUndefined();
  });

  it("does not open with another key", () => {
    expect(createSealer(randomBytes(32)).open(sealer.seal(secret, "a"), "a")).toBeUndefined();
  });

  it("does not open when any byte was changed", () => {
    const bytes = Buffer.from(sealer.seal(secret, "a").slice(3), "base64url");
    for (let i = 0; i < bytes.length; i++) {
      const changed = Buffer.from(bytes);
      changed[i] = (changed[i] ?? 0) ^ 1;
      expect(sealer.open(`v1.${changed.toString("base64url")}`, "a")).toBeUndefined();
    }
    expect(sealer.open(`v1.${bytes.toString("base64url")}`, "a")).toBe(secret);
  });

  it("does not open when it was cut anywhere", () => {
    const sealed = sealer.seal(secret, "a");
    for (let end = 0; end < sealed.length - 1; end++) expect(sealer.open(sealed.slice(0, end), "a")).toBeUndefined();
  });

  it("does not open a form that it does not know", () => {
    const sealed = sealer.seal(secret, "a");
    expect(sealer.open(sealed.replace("v1.", "v2."), "a")).toBeUndefined();
  });
});
