import { afterAll, beforeAll, expect, test } from "vitest";
import { type AccessGateway, startAccessGateway } from "../access/access-gateway.ts";
import { echoRequest } from "../support/echo-request.ts";
import { faces } from "../support/faces.ts";

let gateway: AccessGateway;
beforeAll(async () => {
  gateway = await startAccessGateway({});
});
afterAll(() => gateway[Symbol.asyncDispose]());

const long = "x".repeat(300_000);

/** Nobody may fill the log, or have an answer whose head no client takes, by a name that is refused. */
test.each(faces)("who calls by a name that is too long is told so over $name, and is in the log cut", async (face) => {
  const caller = { requestId: long, app: long, sessionId: long, labels: { [long]: long } };
  const before = gateway.log().length;
  const request = { ...echoRequest("Hello!"), caller };
  const { status } = await face.runStream(gateway.url, request, AbortSignal.timeout(10_000));
  expect(status).toMatchObject({ code: "invalid_argument", message: expect.stringContaining("caller.requestId") });
  const line = gateway.log().slice(before);
  expect(line).toContain(`"requestId":"${long.slice(0, 128)}"`);
  expect(line.length).toBeLessThan(2_000);
});

test("labels that are long are taken", async () => {
  const request = { ...echoRequest("Hello!"), caller: { labels: { team: long } } };
  expect((await gateway.call("AgentService/Run", request)).status).toBe(200);
});
