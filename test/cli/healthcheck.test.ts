import { expect, test } from "vitest";
import { startGateway } from "../support/gateway.ts";
import { livellm } from "../support/livellm.ts";

test("ends with 0 and without a word while the gateway serves, by PORT alone; with 3 when it is gone", async () => {
  const gateway = await startGateway({ env: { LIVELLM_ADMIN_TOKEN: "an-administrators-token" } });
  const env = { PORT: new URL(gateway.url).port };
  expect(await livellm(["healthcheck"], { env })).toEqual({ code: 0, stdout: "", stderr: "" });
  await gateway.stop();
  expect((await livellm(["healthcheck"], { env })).code).toBe(3);
});
