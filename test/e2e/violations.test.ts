import { afterAll, beforeAll, expect, test } from "vitest";
import { type Gateway, startGateway } from "../support/gateway.ts";

let gateway: Gateway;
beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.stop());

test("a request that is wrong in several ways, in fields and between them, is told all of it at once", async () => {
  const answer = await fetch(`${gateway.url}/livellm.v1.AgentService/Run`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      route: { targets: [{ provider: "local", model: "echo", attemptTimeout: "0s" }] },
      messages: [{ role: "tool", parts: [{ toolResult: { toolCallId: "nobody", text: "4" } }] }],
      config: { generation: { temperature: 9 }, toolChoice: { toolNames: ["absent"] } },
    }),
  });
  expect(answer.status).toBe(400);
  const body = (await answer.json()) as {
    details: { type: string; debug: { fieldViolations: { field: string }[] } }[];
  };
  const fields = body.details[0]?.debug.fieldViolations.map(({ field }) => field);
  expect(fields).toEqual(
    expect.arrayContaining([
      "route.targets[0].attemptTimeout",
      "config.generation.temperature",
      "messages[0].parts[0].toolResult.toolCallId",
      "config.toolChoice.toolNames[0]",
    ]),
  );
});
