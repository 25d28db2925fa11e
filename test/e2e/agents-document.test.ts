import { once } from "node:events";
import { readFileSync } from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { toNodeHandler } from "@modelcontextprotocol/node";
import { createMcpHandler, McpServer } from "@modelcontextprotocol/server";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { codeBlocks, outputPattern } from "../support/code-blocks.ts";
import { curl, describeWith } from "../support/foreign-tools.ts";
import { type Gateway, projectRoot, startGateway } from "../support/gateway.ts";
import { placesOf, runShell } from "../support/run-blocks.ts";
import { readSourceTree } from "../support/source-tree.ts";

const document = "docs/agents.md";
const blocks = codeBlocks(document);

/** Stands in for the server that the document has its reader start: the same tool, with the same answer. */
async function startSumServer(): Promise<http.Server> {
  const answer = toNodeHandler(
    createMcpHandler(() => {
      const server = new McpServer({ name: "everything", version: "1.0.0" });
      const inputSchema = z.object({ a: z.number(), b: z.number() });
      server.registerTool("get-sum", { description: "Returns the sum of two numbers", inputSchema }, ({ a, b }) => ({
        content: [{ type: "text", text: `The sum of ${a} and ${b} is ${a + b}.` }],
      }));
      return server;
    }),
  );
  const server = http.createServer((request, response) => void answer(request, response));
  await once(server.listen(0, "127.0.0.1"), "listening");
  return server;
}

describeWith(curl, `${document}, in order,`, () => {
  let gateway: Gateway;
  let server: http.Server;
  beforeAll(async () => {
    [gateway, server] = await Promise.all([startGateway(), startSumServer()]);
  });
  afterAll(async () => {
    server.closeAllConnections();
    server.close();
    await gateway.stop();
  });

  const calls = blocks.filter(({ language }) => language === "sh").map((block) => [block.place, block] as const);
  test.each(calls)("%s prints what is printed", async (_, block) => {
    const { port } = server.address() as AddressInfo;
    const places = { ...placesOf(gateway.url), "localhost:3001": `127.0.0.1:${port}` };
    expect((await runShell(block, places)).trim()).toMatch(outputPattern(block.output ?? "nothing is printed below"));
  });
  test("has calls", () => expect(calls.length).toBeGreaterThan(4));

  test.each(blocks.filter(({ language }) => language === "json"))("the request of $place is one", async ({ text }) => {
    const answer = await fetch(`${gateway.url}/livellm.v1.AgentService/Run`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        route: { targets: [{ provider: "local" }] },
        messages: [{ text: "Hello!" }],
        config: JSON.parse(text),
      }),
    });
    expect(answer.status).toBe(200);
  });
});

test("every code that a warning is made with is in the document's table", () => {
  const markdown = readFileSync(path.join(projectRoot, document), "utf8");
  const written = new Set(
    [...markdown.matchAll(/^\| (`.*`) \|/gm)].flatMap(([, cell = ""]) => cell.match(/[a-z]+(?:-[a-z]+)+/g) ?? []),
  );
  const made = readSourceTree(projectRoot, "src").flatMap(({ text }) =>
    [...text.matchAll(/code: "([a-z]+(?:-[a-z]+)+)"/g)].map(([, code = ""]) => code),
  );
  expect(made.length).toBeGreaterThan(10);
  expect(made.filter((code) => !written.has(code))).toEqual([]);
});
