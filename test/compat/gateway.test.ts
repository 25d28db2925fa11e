import { create, type Message } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { AgentService, RunStreamResponseSchema } from "../../gen/livellm/v1/agent_service_pb.ts";
import { createGateway, type Dispatcher } from "../../src/compat/gateway.ts";

const caller = {
  requestId: "r",
  remoteAddress: "",
  face: "ndjson" as const,
  httpMethod: "POST",
  url: "/",
  headers: new Headers(),
  signal: new AbortController().signal,
};

/** A call that answers for ever, and notes how it is left. */
function endless(noted: string[]): Dispatcher {
  async function* answers(): AsyncGenerator<Message> {
    try {
      for (;;) yield create(RunStreamResponseSchema, { event: { case: "heartbeat", value: {} } });
    } finally {
      noted.push("returned");
    }
  }
  return { find: () => ({ start: () => ({ answers, end: () => noted.push("ended") }) }) };
}

test("a call whose answers are no longer wanted is ended, before its generator is asked to return", async () => {
  const noted: string[] = [];
  for await (const _ of createGateway(endless(noted)).stream(AgentService.method.runStream, [{}], caller)) break;
  expect(noted).toEqual(["ended", "returned"]);
});

test("a method that the server does not have is told so", async () => {
  const gateway = createGateway({ find: () => undefined });
  await expect(gateway.unary(AgentService.method.run, {}, caller)).rejects.toThrow("does not serve Run");
});
