import { afterAll, beforeAll, expect, test } from "vitest";
import { codeBlocks, outputPattern } from "../support/code-blocks.ts";
import { type Gateway, startGateway } from "../support/gateway.ts";
import { placesOf, runShell } from "../support/run-blocks.ts";

let gateway: Gateway;

beforeAll(async () => {
  gateway = await startGateway();
});

afterAll(() => gateway.stop());

const blocks = codeBlocks("docs/cli.md").filter(({ language }) => language === "sh");

test("has blocks", () => expect(blocks.length).toBeGreaterThan(1));

test.each(blocks.map((block) => [block.place, block] as const))("%s prints what is printed", async (_, block) => {
  if (!block.output) throw new Error(`${block.place} does not say what it prints`);
  const printed = await runShell(block, placesOf(gateway.url), { LIVELLM_URL: gateway.url });
  expect(printed.trim()).toMatch(outputPattern(block.output));
});
