import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { answerWith, type ChatVendor, chunk, startChatVendor, type VendorCall } from "../support/chat-vendor.ts";
import { requestTo } from "../support/echo-request.ts";
import { faces, namesOfEvents, textOfEvents } from "../support/faces.ts";
import { type Gateway, startGateway } from "../support/gateway.ts";
import { changeProvider, createProvider } from "../support/json-call.ts";

let gateway: Gateway;
let first: ChatVendor;
let second: ChatVendor;

beforeAll(async () => {
  gateway = await startGateway();
  [first, second] = [await startChatVendor(), await startChatVendor()];
  await createProvider(gateway.url, { id: "first", kind: "openai-compatible", baseUrl: first.baseUrl });
  await createProvider(gateway.url, { id: "second", kind: "openai-compatible", baseUrl: second.baseUrl });
});

/** A provider that has changed begins anew: the deaths of one test are not to keep the calls of the next away. */
beforeEach(async () => {
  for (const id of ["first", "second"]) await changeProvider(gateway.url, id);
});

afterAll(async () => {
  await first[Symbol.asyncDispose]();
  await second[Symbol.asyncDispose]();
  await gateway.stop();
});

const request = requestTo([
  { provider: "first", model: "m-1" },
  { provider: "second", model: "m-2" },
]);

/** Deaths of the first target before its first part. */
const deathsBefore: readonly (readonly [how: string, die: (call: VendorCall) => void])[] = [
  ["before its headers", (call) => call.cut()],
  [
    "after its headers",
    (call) => {
      call.begin();
      call.cut();
    },
  ],
  [
    "after a chunk without content",
    (call) => {
      call.begin();
      call.send(chunk({ role: "assistant", content: "" }));
      call.cut();
    },
  ],
  ["with a status of its own", (call) => call.reply(503, { error: { message: "FOREIGN overloaded" } })],
];

describe.each(faces)("over $name", (face) => {
  test.each(deathsBefore)("a first target that dies %s is followed by the second's answer", async (_, die) => {
    const outcome = face.runStream(gateway.url, request, AbortSignal.timeout(10_000));
    die(await first.nextCall());
    answerWith("from ", "the second")(await second.nextCall());
    const { events, status } = await outcome;
    expect(status.code).toBe("ok");
    expect(namesOfEvents(events)).toEqual([
      "attemptFailed",
      "started",
      "stepStarted",
      "partStarted",
      "textDelta",
      "textDelta",
      "partFinished",
      "stepFinished",
      "finished",
    ]);
    expect(textOfEvents(events)).toBe("from the second");
    expect(events[0]?.attemptFailed).toMatchObject({ provider: "first", model: "m-1", outcome: "OUTCOME_FAILED" });
    expect(events.at(-1)?.finished).toMatchObject({
      text: "from the second",
      routeResult: {
        targetIndex: 1,
        provider: "second",
        attempts: [{ provider: "first" }, { provider: "second", outcome: "OUTCOME_ANSWERED" }],
      },
    });
  });

  test("a target that dies after its first part ends the call with a status that names it", async () => {
    let delivered = () => {};
    const firstPart = new Promise<void>((resolve) => {
      delivered = resolve;
    });
    const outcome = face.runStream(gateway.url, request, AbortSignal.timeout(10_000), (event) => {
      if (event.textDelta) delivered();
    });
    const call = await first.nextCall();
    call.begin();
    call.send(chunk({ content: "half of" }));
    await firstPart;
    call.cut();
    const { events, status } = await outcome;
    expect(namesOfEvents(events)).toEqual(["started", "stepStarted", "partStarted", "textDelta"]);
    expect(textOfEvents(events)).toBe("half of");
    expect(status.code).toBe("unavailable");
    expect(status.message).toBe("the answer of first/m-1 broke off: connection closed before the answer was complete");
    expect(status.detail).toMatchObject({
      reason: "REASON_STREAM_BROKEN",
      attempts: [
        { provider: "first", model: "m-1", outcome: "OUTCOME_FAILED", failure: { reason: "REASON_STREAM_BROKEN" } },
      ],
    });
    expect(second.calls.filter(({ body }) => body.includes("half of"))).toEqual([]);
  });

  test("two targets that die are both in the error", async () => {
    const outcome = face.runStream(gateway.url, request, AbortSignal.timeout(10_000));
    (await first.nextCall()).reply(503, { error: { message: "overloaded" } });
    (await second.nextCall()).reply(429, { error: { message: "slow down" } });
    const { events, status } = await outcome;
    expect(namesOfEvents(events)).toEqual(["attemptFailed"]);
    expect(status.code).toBe("unavailable");
    expect(status.detail?.attempts).toMatchObject([
      { provider: "first", failure: { reason: "REASON_PROVIDER_UNAVAILABLE", httpStatus: 503 } },
      { provider: "second", failure: { reason: "REASON_RATE_LIMITED", httpStatus: 429 } },
    ]);
  });
});

test("no call of these tests is left over at a vendor", () => {
  expect(first.calls).toHaveLength(faces.length * (deathsBefore.length + 2));
  expect(second.calls).toHaveLength(faces.length * (deathsBefore.length + 1));
});
