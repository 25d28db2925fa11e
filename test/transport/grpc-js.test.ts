import grpc from "@grpc/grpc-js";
import protoLoader from "@grpc/proto-loader";
import { afterAll, beforeAll, expect, test } from "vitest";
import { LivellmError } from "../../src/core/error.ts";
import { requestOf, startTestServer, type TestServer, until } from "./test-server.ts";

/** As grpc-js makes it from the proto files: methods by name, calls as streams. */
interface DynamicClient extends grpc.Client {
  run(
    request: object,
    options: grpc.CallOptions,
    callback: (error: grpc.ServiceError | null, answer: { text: string }) => void,
  ): void;
  run(
    request: object,
    callback: (error: grpc.ServiceError | null, answer: { text: string }) => void,
  ): grpc.ClientUnaryCall;
  runStream(request: object): grpc.ClientReadableStream<{ event: string; textDelta?: { text: string } }>;
}

let server: TestServer;
let client: DynamicClient;
let signal: AbortSignal | undefined;

beforeAll(async () => {
  server = await startTestServer({
    agent: {
      run: ({ messages }, context) => {
        const text = messages[0]?.text;
        return { text: text === "deadline?" ? String(context.timeoutMs()) : `echo: ${text}` };
      },
      async *runStream({ messages }, context) {
        signal = context.signal;
        const text = messages[0]?.text ?? "";
        for (const word of text.split(" ")) yield { event: { case: "textDelta", value: { text: word } } };
        if (text === "many violations") {
          const violations = Array.from({ length: 500 }, (_, i) => ({
            field: `config.generation.stopSequences[${i}]`,
            description: `ist zu kurz, und das ist ein langer Satz über Wörter mit Umlauten: ${"ü".repeat(50)}`,
            reason: "REQUIRED" as const,
          }));
          throw new LivellmError("invalid_argument", "invalid_request", "ü".repeat(5_000), { violations });
        }
        if (text === "wait") {
          await new Promise((_, reject) => context.signal.addEventListener("abort", () => reject(new Error("x"))));
        }
      },
    },
  });
  const definition = protoLoader.loadSync("livellm/v1/agent_service.proto", { includeDirs: ["proto"], oneofs: true });
  const loaded = grpc.loadPackageDefinition(definition) as unknown as {
    livellm: { v1: { AgentService: new (address: string, credentials: grpc.ChannelCredentials) => DynamicClient } };
  };
  client = new loaded.livellm.v1.AgentService(`127.0.0.1:${server.port}`, grpc.credentials.createInsecure());
});
afterAll(async () => {
  client.close();
  await server.close(0);
});

test("unary", async () => {
  const text = await new Promise((resolve, reject) => {
    client.run(requestOf("hi"), (error, answer) => (error ? reject(error) : resolve(answer.text)));
  });
  expect(text).toBe("echo: hi");
});

test("server stream", async () => {
  const words: (string | undefined)[] = [];
  for await (const { textDelta } of client.runStream(requestOf("a b"))) words.push(textDelta?.text);
  expect(words).toEqual(["a", "b"]);
});

test("a method or a service that this server does not know is unimplemented, in words", async () => {
  const bytes = Buffer.alloc(0);
  const same = (value: Buffer) => value;
  for (const path of ["/livellm.v1.AgentService/RunTwice", "/livellm.v2.AgentService/Run"]) {
    const error = await new Promise<grpc.ServiceError | null>((resolve) => {
      client.makeUnaryRequest(path, same, same, bytes, (reason) => resolve(reason));
    });
    expect(error?.code).toBe(grpc.status.UNIMPLEMENTED);
    expect(error?.details).toContain(`there is nothing at "${path}"`);
    expect(error?.metadata.get("grpc-status-details-bin")).toHaveLength(1);
  }
});

test("violations, and trailers that stay under 8 KiB whatever is in them", async () => {
  const error = await new Promise<grpc.ServiceError>((resolve) => {
    client.run({ messages: [] }, (reason) => resolve(reason as grpc.ServiceError));
  });
  expect([error.code, error.details]).toEqual([grpc.status.INVALID_ARGUMENT, "route: is required (and 1 more)"]);

  const call = client.runStream(requestOf("many violations"));
  call.on("data", () => undefined);
  const large = await new Promise<grpc.ServiceError>((resolve) =>
    call.on("error", (reason) => resolve(reason as grpc.ServiceError)),
  );
  expect(large.code).toBe(grpc.status.INVALID_ARGUMENT);
  const [status] = large.metadata.get("grpc-status-details-bin");
  const bytes = encodeURIComponent(large.details).length + Buffer.from(status as Buffer).toString("base64").length;
  expect(bytes).toBeLessThan(8_192);
  expect(bytes, "and yet says much").toBeGreaterThan(5_000);
});

test("cancel is seen within 100 ms", async () => {
  const call = client.runStream(requestOf("wait"));
  call.on("error", () => undefined);
  await new Promise((resolve) => call.once("data", resolve));
  call.cancel();
  await until(() => signal?.aborted === true, 100);
});

test.each([
  [60, "undefined"],
  [1, expect.stringMatching(/^86[34]\d{5}/)],
])("a deadline in %i days is %s: what no timer can run is none", async (days, expected) => {
  const deadline = Date.now() + days * 24 * 3_600_000;
  const text = await new Promise((resolve, reject) => {
    client.run(requestOf("deadline?"), { deadline }, (error, answer) => (error ? reject(error) : resolve(answer.text)));
  });
  expect(text).toEqual(expected);
});
