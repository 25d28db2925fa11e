import { defineConfig } from "vitest/config";

/** Against the real vendors, for which a key is set: costs money, needs a network, and is no part of `npm test`. */
export default defineConfig({
  test: {
    include: ["test/live/**/*.live.ts"],
    reporters: ["default", "./test/tally.ts"],
    testTimeout: 120_000,
    hookTimeout: 60_000,
    fileParallelism: false,
  },
});
