import { Code, ConnectError } from "@connectrpc/connect";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AgentService, AudioService, ErrorDetailSchema, TranscriptionService } from "../../src/client.ts";
import { createApp, createInProcessGateway, type InProcessGateway, loadConfig } from "../../src/library.ts";

let gateway: InProcessGateway;
beforeAll(async () => {
  const config = await loadConfig({ DATABASE_URL: "sqlite::memory:" });
  gateway = await createInProcessGateway(config, pino({ level: "silent" }));
});
afterAll(() => gateway.close());

const route = (options: object = {}) => ({
  targets: [{ provider: "local", model: "echo", options: options as never }],
});

async function caught(promise: Promise<unknown>): Promise<ConnectError> {
  return ConnectError.from(
    await promise.then(
      () => new Error("it did not fail"),
      (error: unknown) => error,
    ),
  );
}

async function textOf(events: AsyncIterable<{ event: { case?: string; value?: unknown } }>): Promise<string> {
  let text = "";
  for await (const { event } of events) {
    if (event.case === "textDelta") text += (event.value as { text: string }).text;
  }
  return text;
}

describe("a client in the gateway's own process", () => {
  test("gets a unary answer", async () => {
    const { text } = await gateway.client(AgentService).run({ route: route(), messages: [{ text: "hi" }] });
    expect(text).toBe("hi");
  });

  test("gets a stream", async () => {
    const agent = gateway.client(AgentService);
    expect(await textOf(agent.runStream({ route: route(), messages: [{ text: "one two" }] }))).toBe("one two");
  });

  test("gets the violations of a request, all of them", async () => {
    const error = await caught(gateway.client(AgentService).run({ caller: { app: "x".repeat(200) } }));
    const [detail] = error.findDetails(ErrorDetailSchema);
    expect(error.code).toBe(Code.InvalidArgument);
    expect(detail?.fieldViolations.map(({ field }) => field).sort()).toEqual(["caller.app", "messages", "route"]);
  });

  test("gets the status of a stream that breaks, after what was sent before", async () => {
    const agent = gateway.client(AgentService);
    const request = { route: route({ fail_after: "network", after_words: 1 }), messages: [{ text: "one two three" }] };
    const got: string[] = [];
    const error = await caught(
      (async () => {
        for await (const { event } of agent.runStream(request)) if (event.case) got.push(event.case);
      })(),
    );
    expect(got).toContain("textDelta");
    expect([error.code, error.findDetails(ErrorDetailSchema)[0]?.attempts.length]).toEqual([Code.Unavailable, 1]);
  });

  test("can give a call up, and set a deadline", async () => {
    const agent = gateway.client(AgentService);
    const endless = { route: route({ stall_after_words: 1 }), messages: [{ text: "one two" }] };
    const controller = new AbortController();
    const abandoned = (async () => {
      for await (const { event } of agent.runStream(endless, { signal: controller.signal }))
        if (event.case === "textDelta") controller.abort();
    })();
    expect((await caught(abandoned)).code).toBe(Code.Canceled);
    const late = await caught(textOf(agent.runStream(endless, { timeoutMs: 50 })));
    expect(late.code).toBe(Code.DeadlineExceeded);
  });

  test("can talk and listen at once", async () => {
    async function* input() {
      yield {
        input: { case: "start" as const, value: { route: { targets: [{ provider: "local", model: "flite" }] } } },
      };
      yield { input: { case: "text" as const, value: { text: "Hello." } } };
    }
    const events: string[] = [];
    for await (const { event } of gateway.client(AudioService).speakDuplex(input()))
      if (event.case && event.case !== "heartbeat") events.push(event.case);
    expect([events[0], events.at(-1)]).toEqual(["started", "finished"]);
    expect(events).toContain("audio");
  });

  test("is refused what the contract refuses in a stream of its own", async () => {
    async function* input() {
      yield { input: { case: "endTurn" as const, value: {} } };
    }
    const stream = gateway.client(TranscriptionService).transcribeStream(input());
    expect((await caught(stream[Symbol.asyncIterator]().next())).code).toBe(Code.InvalidArgument);
  });
});

/** Connect's clients keep a stream whose reader leaves; they give it up by their signal. Other users of a transport need not. */
test("a stream that its reader lets go of is given up", async () => {
  const givenUp = Promise.withResolvers<unknown>();
  const write = (line: string) => {
    const { msg, code } = JSON.parse(line) as { readonly msg: string; readonly code?: string };
    if (msg === "rpc") givenUp.resolve(code);
  };
  const app = await createApp(
    await loadConfig({ DATABASE_URL: "sqlite::memory:" }),
    pino({ level: "info" }, { write }),
  );
  async function* request() {
    yield { route: route({ stall_after_words: 1 }), messages: [{ text: "one two" }] };
  }
  const { runStream } = AgentService.method;
  const { message } = await app.transport.stream(runStream, undefined, undefined, undefined, request());
  for await (const { event } of message) if (event.case === "textDelta") break;
  expect(await givenUp.promise).toBe("canceled");
  await app.close();
});

test("once it is closed it takes no more calls, and says so", async () => {
  const closed = await createInProcessGateway(
    await loadConfig({ DATABASE_URL: "sqlite::memory:" }),
    pino({ level: "silent" }),
  );
  await closed.close();
  const error = await caught(closed.client(AgentService).run({ route: route(), messages: [{ text: "hi" }] }));
  expect(error.code).toBe(Code.Unavailable);
});
