import { createContextKey, createContextValues, type Interceptor } from "@connectrpc/connect";
import { pino } from "pino";
import { expect, test } from "vitest";
import { Health } from "../../gen/grpc/health/v1/health_pb.ts";
import { AgentService } from "../../gen/livellm/v1/agent_service_pb.ts";
import { LivellmError } from "../../src/core/error.ts";
import { logCalls } from "../../src/interceptors/logging.ts";
import { createWatchingInterceptor } from "../../src/interceptors/watching.ts";

type Invoke = Parameters<Interceptor>[0];

const originKey = createContextKey({ requestId: "r", remoteAddress: "", face: "sse" });

/** Runs a stream through the interceptor; gives its messages, and what was logged. */
async function logged(
  service: typeof AgentService | typeof Health,
  messages: AsyncIterable<unknown>,
  signal = new AbortController().signal,
) {
  const lines: Record<string, unknown>[] = [];
  const logger = pino({ level: "debug" }, { write: (line: string) => lines.push(JSON.parse(line)) });
  const method = service.methods.find(({ methodKind }) => methodKind === "server_streaming");
  const request = { service, method, stream: true, signal, contextValues: createContextValues() };
  const next = (async () => ({ stream: true, message: messages })) as unknown as Invoke;
  const response = await createWatchingInterceptor([logCalls(logger, originKey)])(next)(request as never);
  return { messages: (response.message as AsyncIterable<unknown>)[Symbol.asyncIterator](), lines };
}

async function* three() {
  yield* [1, 2, 3];
}

test("a stream is logged once, when it ends", async () => {
  const { messages, lines } = await logged(AgentService, three());
  for (let i = 0; i < 3; i++) await messages.next();
  expect(lines).toEqual([]);
  await messages.next();
  expect(lines).toMatchObject([
    { level: 30, rpc: "livellm.v1.AgentService/RunStream", code: "ok", requestId: "r", face: "sse" },
  ]);
});

test("a stream that its reader leaves is canceled", async () => {
  const { messages, lines } = await logged(AgentService, three());
  await messages.next();
  await messages.return?.();
  expect(lines).toMatchObject([{ level: 40, code: "canceled" }]);
});

test("a stream that only stops when its deadline passes is not ok", async () => {
  const reason = new LivellmError("deadline_exceeded", "timeout", "late");
  const { messages, lines } = await logged(AgentService, three(), AbortSignal.abort(reason));
  while (!(await messages.next()).done);
  expect(lines).toMatchObject([{ code: "deadline_exceeded" }]);
});

test("what probes call all the time is logged at debug", async () => {
  const { messages, lines } = await logged(Health, three());
  while (!(await messages.next()).done);
  expect(lines).toMatchObject([{ level: 20, rpc: "grpc.health.v1.Health/Watch" }]);
});
