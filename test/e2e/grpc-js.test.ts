import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { answerWith, chunk, startChatVendor } from "../support/chat-vendor.ts";
import { echoRequest, requestTo } from "../support/echo-request.ts";
import { type Gateway, startGateway } from "../support/gateway.ts";
import { createGrpcClient, failureOf, type GrpcClient, type LoadedMessage, struct } from "../support/grpc-client.ts";

let gateway: Gateway;
let client: GrpcClient;

beforeAll(async () => {
  gateway = await startGateway();
  client = createGrpcClient(gateway.url);
});

afterAll(async () => {
  client[Symbol.dispose]();
  await gateway.stop();
});

const runStream = (request: object, options = {}) => client.stream("AgentService/RunStream", request, options);

async function eventsOf(stream: AsyncIterable<unknown>): Promise<readonly LoadedMessage[]> {
  return (await Array.fromAsync(stream as AsyncIterable<LoadedMessage>)).filter(({ event }) => event !== "heartbeat");
}

/** A provider of chat completions, for one test. */
async function createProvider(id: string, baseUrl: string): Promise<void> {
  const provider = { id, kind: "openai-compatible", apiKey: "sk-of-the-test", baseUrl };
  await client.unary("ProvidersService/CreateProvider", { provider });
}

describe("the model echo", () => {
  test("streams its events in exactly this order", async () => {
    const events = await eventsOf(runStream(echoRequest("Hello brave world")));
    expect(events.map(({ event }) => event)).toEqual([
      "started",
      "stepStarted",
      "partStarted",
      "textDelta",
      "textDelta",
      "textDelta",
      "partFinished",
      "stepFinished",
      "finished",
    ]);
    expect(events.flatMap(({ textDelta }) => (textDelta as LoadedMessage)?.text ?? [])).toEqual([
      "Hello",
      " brave",
      " world",
    ]);
    const finished = events.at(-1)?.finished as LoadedMessage;
    expect(finished).toMatchObject({ text: "Hello brave world", finishReason: "FINISH_REASON_STOP" });
    expect(finished.routeResult).toMatchObject({ provider: "local", model: "echo", targetIndex: 0 });
    expect(finished.usage).toMatchObject({ inputTokens: 3, outputTokens: 3, modelCalls: 1 });
  });

  test("answers a unary call with the same", async () => {
    const answer = await client.unary("AgentService/Run", echoRequest("Hello brave world"));
    expect(answer).toMatchObject({ text: "Hello brave world", finishReason: "FINISH_REASON_STOP" });
    expect(answer.messages).toMatchObject([{ role: "assistant", parts: [{ text: "Hello brave world" }] }]);
  });

  test("returns the request's id in the answer's headers", async () => {
    const stream = runStream(echoRequest("Hello"), { metadata: { "x-request-id": "mine-1" } });
    const header = new Promise((resolve) =>
      stream.once("metadata", (metadata) => resolve(metadata.get("x-request-id"))),
    );
    const events = await eventsOf(stream);
    expect(await header).toEqual(["mine-1"]);
    expect(events[0]?.started).toMatchObject({ requestId: "mine-1" });
  });
});

describe("a vendor of chat completions", () => {
  test("is streamed through, asked with its key", async () => {
    await using vendor = await startChatVendor(answerWith("Good ", "morning"));
    await createProvider("vendor-1", vendor.baseUrl);
    const events = await eventsOf(runStream(requestTo([{ provider: "vendor-1", model: "m-1" }])));
    expect(events.map(({ event }) => event)).toEqual([
      "started",
      "stepStarted",
      "partStarted",
      "textDelta",
      "textDelta",
      "partFinished",
      "stepFinished",
      "finished",
    ]);
    expect(events.at(-1)?.finished).toMatchObject({
      text: "Good morning",
      usage: { inputTokens: 3, outputTokens: 2 },
      routeResult: { provider: "vendor-1", providerKind: "openai-compatible", model: "vendor-model-1" },
    });
    const [call] = vendor.calls;
    expect(call?.path).toBe("/v1/chat/completions");
    expect(call?.headers.authorization).toBe("Bearer sk-of-the-test");
    expect(JSON.parse(call?.body ?? "")).toMatchObject({ model: "m-1", stream: true, messages: [{ role: "user" }] });
  });

  test("that cuts between the halves of a character is passed on in whole ones, and a half alone as U+FFFD", async () => {
    await using vendor = await startChatVendor(answerWith("Hi \ud83d", "\ude00", "\ud83d", "!", "\ud83d"));
    await createProvider("vendor-halves", vendor.baseUrl);
    const events = await eventsOf(runStream(requestTo([{ provider: "vendor-halves", model: "m-1" }])));
    const deltas = events.flatMap(({ textDelta }) => (textDelta as LoadedMessage)?.text ?? []);
    expect(deltas).toEqual(["Hi ", "😀", "\ufffd!", "\ufffd"]);
    expect(events.at(-1)?.finished).toMatchObject({ text: deltas.join("") });
  });

  test("whose stream breaks off ends the call with what was tried, after the text so far", async () => {
    await using vendor = await startChatVendor((call) => {
      call.begin();
      call.send(chunk({ content: "Good " }));
      call.end();
    });
    await createProvider("vendor-2", vendor.baseUrl);
    const seen: LoadedMessage[] = [];
    const stream = runStream(requestTo([{ provider: "vendor-2", model: "m-1" }]));
    stream.on("data", (event: LoadedMessage) => seen.push(event));
    const failure = await failureOf(new Promise((resolve, reject) => stream.on("error", reject).on("end", resolve)));
    expect(seen.map(({ event }) => event)).toEqual(["started", "stepStarted", "partStarted", "textDelta"]);
    expect(failure).toMatchObject({ code: 14, detail: { reason: "REASON_STREAM_BROKEN" } });
    expect(failure.message).toContain("vendor-2");
    expect(failure.detail?.attempts).toMatchObject([
      { provider: "vendor-2", model: "m-1", outcome: "OUTCOME_FAILED", failure: { reason: "REASON_STREAM_BROKEN" } },
    ]);
  });
});

describe("an error", () => {
  test("names every field that breaks a rule, as ErrorDetail and as BadRequest", async () => {
    const request = {
      route: { targets: [{ provider: "local", model: "echo" }] },
      config: { generation: { temperature: 9 } },
    };
    const failure = await failureOf(client.unary("AgentService/Run", request));
    expect(failure).toMatchObject({ code: 3, detail: { reason: "REASON_INVALID_REQUEST" } });
    const fields = (message: LoadedMessage | undefined) =>
      ((message?.fieldViolations ?? []) as readonly LoadedMessage[]).map(({ field }) => field).sort();
    expect(fields(failure.detail)).toEqual(["config.generation.temperature", "messages"]);
    expect(fields(failure.badRequest)).toEqual(["config.generation.temperature", "messages"]);
    expect(failure.detail?.requestId).toMatch(/./);
  });

  test("for an unknown provider names those that exist", async () => {
    const failure = await failureOf(eventsOf(runStream(requestTo([{ provider: "nobody", model: "m" }]))));
    expect(failure).toMatchObject({ code: 5, detail: { reason: "REASON_NOT_FOUND" } });
    expect(failure.message).toMatch(/nobody[\s\S]*local/);
  });
});

describe("a call that is not waited for", () => {
  const stalling = {
    ...requestTo([{ provider: "local", model: "echo", options: struct({ stall_after_words: 1 }) }], "a b c"),
  };

  test("ends with DEADLINE_EXCEEDED at its deadline", async () => {
    const failure = await failureOf(eventsOf(runStream(stalling, { deadline: new Date(Date.now() + 300) })));
    expect(failure.code).toBe(4);
  });

  test("ends with CANCELLED when it is cancelled", async () => {
    const stream = runStream(stalling);
    const seen: unknown[] = [];
    stream.on("data", ({ event }: LoadedMessage) => {
      seen.push(event);
      if (event === "textDelta") stream.cancel();
    });
    const failure = await failureOf(new Promise((resolve, reject) => stream.on("error", reject).on("end", resolve)));
    expect(failure.code).toBe(1);
    expect(seen.at(-1)).toBe("textDelta");
  });
});
