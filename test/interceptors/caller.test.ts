import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { CallerInfo } from "../../gen/livellm/v1/common_pb.ts";
import { TranscriptionService } from "../../gen/livellm/v1/transcription_service_pb.ts";
import {
  post,
  requestOf,
  runPath,
  runStreamPath,
  startTestServer,
  type TestServer,
  until,
} from "../transport/test-server.ts";

let server: TestServer;
let seen: CallerInfo | undefined;

beforeAll(async () => {
  server = await startTestServer({
    agent: {
      run({ caller }) {
        seen = caller;
        return {};
      },
      async *runStream({ caller }) {
        seen = caller;
        yield { event: { case: "heartbeat", value: {} } };
      },
    },
    transcription: {
      async *transcribeStream(requests) {
        for await (const { input } of requests) {
          if (input.case === "start") seen = input.value.caller;
          yield { event: { case: "heartbeat", value: {} } };
        }
      },
    },
  });
});
beforeEach(() => {
  seen = undefined;
});
afterAll(() => server.close(0));

const headers = {
  "x-request-id": "h-request",
  "x-session-id": "h-session",
  "x-user-id": "h-user",
  "x-app": "h-app",
  "x-client-id": "h-client",
  "x-device": "h-device",
};
const fromHeaders = {
  requestId: "h-request",
  sessionId: "h-session",
  userId: "h-user",
  app: "h-app",
  clientId: "h-client",
  device: "h-device",
};

describe.each([
  ["unary", runPath],
  ["a stream", runStreamPath],
])("the caller of %s", (_, path) => {
  const call = async (caller: object | undefined, given: Record<string, string> = {}) => {
    const response = await post(server.url + path, { ...requestOf("x"), caller }, given);
    await response.text();
    return response;
  };

  test("is in the headers", async () => {
    await call(undefined, headers);
    expect(seen).toMatchObject(fromHeaders);
  });

  test("is in the message where that says so, field by field", async () => {
    const response = await call({ requestId: "m-request", app: "m-app", labels: { a: "b" } }, headers);
    expect(seen).toMatchObject({ ...fromHeaders, requestId: "m-request", app: "m-app", labels: { a: "b" } });
    expect(response.headers.get("x-request-id")).toBe("m-request");
  });

  test("has an address and an id in any case", async () => {
    const response = await call(undefined);
    expect(seen).toMatchObject({ clientId: "127.0.0.1", requestId: expect.stringMatching(/^[0-9a-f-]{36}$/) });
    expect(response.headers.get("x-request-id")).toBe(seen?.requestId);
  });

  test("of a header that is too long is cut", async () => {
    await call(undefined, { "x-app": "a".repeat(300) });
    expect(seen?.app).toBe("a".repeat(128));
  });

  test("of a message that is too long is refused", async () => {
    const response = await post(server.url + path, { ...requestOf("x"), caller: { app: "a".repeat(129) } });
    expect(await response.text()).toContain("caller.app: is 129 characters long; 128 are allowed");
    expect(seen).toBeUndefined();
  });

  test("is in the log, without anything of the conversation", async () => {
    const response = await post(
      server.url + path,
      { ...requestOf("private words"), caller: { requestId: "in-log" } },
      headers,
    );
    await response.text();
    const ours = () => server.log.filter(({ requestId }) => requestId === "in-log");
    await until(() => ours().length > 0);
    expect(ours()).toMatchObject([
      { level: 30, code: "ok", app: "h-app", clientId: "h-client", sessionId: "h-session", ms: expect.any(Number) },
    ]);
    expect(JSON.stringify(server.log)).not.toContain("private words");
    server.log.splice(0);
  });
});

test("the caller of a session is in its start, filled from the headers of the call", async () => {
  async function* requests() {
    yield {
      input: {
        case: "start" as const,
        value: {
          route: { targets: [{ provider: "p" }] },
          format: { mimeType: "audio/pcm", sampleRateHertz: 8_000 },
          caller: { requestId: "m-request" },
        },
      },
    };
  }
  const client = createClient(TranscriptionService, createGrpcTransport({ baseUrl: server.url }));
  let id: string | null = null;
  const onHeader = (header: Headers) => {
    id = header.get("x-request-id");
  };
  for await (const _ of client.transcribeStream(requests(), { headers, onHeader }));
  expect(seen).toMatchObject({ ...fromHeaders, requestId: "m-request" });
  expect(id).toBe("m-request");
  await until(() => server.log.some(({ requestId }) => requestId === "m-request"));
});
