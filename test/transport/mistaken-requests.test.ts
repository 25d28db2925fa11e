import http2 from "node:http2";
import { gzipSync } from "node:zlib";
import { create, toBinary } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import { ConnectError as AnyConnectError, Code } from "@connectrpc/connect";
import { endStreamFromJson, errorFromJsonBytes } from "@connectrpc/connect/protocol-connect";
import { findTrailerError } from "@connectrpc/connect/protocol-grpc";
import { trailerParse } from "@connectrpc/connect/protocol-grpc-web";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RunRequestSchema } from "../../gen/livellm/v1/agent_service_pb.ts";
import { ErrorDetailSchema } from "../../gen/livellm/v1/error_pb.ts";
import { Failure_Reason } from "../../gen/livellm/v1/route_pb.ts";
import { requestOf, runPath, runStreamPath, startTestServer, type TestServer } from "./test-server.ts";

/** A request that is wrong before it can become a call, and what comes of it. */
interface Mistake {
  readonly name: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly code: Code;
  readonly reason: Failure_Reason;
}

const { InvalidArgument, ResourceExhausted, Unimplemented, Internal } = Code;
const maxMessageBytes = 4_096;
const message = Buffer.from(toBinary(RunRequestSchema, create(RunRequestSchema, requestOf("x"))));
const bomb = gzipSync(Buffer.alloc(100_000));
const notMessage = Buffer.from([0xff]);
const invalid = { code: InvalidArgument, reason: Failure_Reason.INVALID_REQUEST };
const tooLarge = { code: ResourceExhausted, reason: Failure_Reason.INVALID_REQUEST };
/** gRPC's code for messages that break the protocol. */
const internal = { code: Internal, reason: Failure_Reason.INTERNAL };
const unknown = { code: Unimplemented, reason: Failure_Reason.UNSUPPORTED };

function envelope(bytes: Uint8Array, flags = 0): Buffer {
  const head = Buffer.from([flags, 0, 0, 0, 0]);
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

/** The mistakes of all forms that send envelopes. */
function streamMistakes(encoding: string, timeout: string): readonly Mistake[] {
  const gzip = { [encoding]: "gzip" };
  return [
    { name: "a compression nobody knows", headers: { [encoding]: "br" }, body: envelope(message), ...unknown },
    { name: "a deadline that is none", headers: { [timeout]: "soon" }, body: envelope(message), ...invalid },
    { name: "what cannot be unpacked", headers: gzip, body: envelope(message, 1), ...invalid },
    { name: "what is too large unpacked", headers: gzip, body: envelope(bomb, 1), ...tooLarge },
    { name: "what is packed unannounced", body: envelope(message, 1), ...internal },
    { name: "what is too large", body: envelope(Buffer.alloc(maxMessageBytes + 1)), ...tooLarge },
    { name: "what breaks off", body: envelope(message).subarray(0, 20), ...invalid },
    { name: "what is no message", body: envelope(notMessage), ...internal },
    { name: "nothing", body: Buffer.alloc(0), ...unknown },
    { name: "two messages for one", body: Buffer.concat([envelope(message), envelope(message)]), ...unknown },
  ];
}

const unaryMistakes: readonly Mistake[] = [
  { name: "a compression nobody knows", headers: { "content-encoding": "br" }, body: message, ...unknown },
  { name: "a deadline that is none", headers: { "connect-timeout-ms": "soon" }, body: message, ...invalid },
  { name: "what cannot be unpacked", headers: { "content-encoding": "gzip" }, body: message, ...invalid },
  { name: "what is too large unpacked", headers: { "content-encoding": "gzip" }, body: bomb, ...tooLarge },
  { name: "what is too large", body: Buffer.alloc(maxMessageBytes + 1), ...tooLarge },
  { name: "what is no message", body: notMessage, ...internal },
];

/** How a form is asked, and where its answers have their status. */
interface Form {
  readonly name: string;
  readonly contentType: string;
  readonly path: string;
  readonly mistakes: readonly Mistake[];
  readonly errorIn: (answer: Answer) => ConnectError | undefined;
}

interface Answer {
  readonly trailers: http2.IncomingHttpHeaders;
  readonly body: Buffer;
}

const grpcMistakes = streamMistakes("grpc-encoding", "grpc-timeout");
const forms: readonly Form[] = [
  ...[runPath, runStreamPath].flatMap((path) => [
    {
      name: `gRPC ${path}`,
      contentType: "application/grpc",
      path,
      mistakes: grpcMistakes,
      errorIn: ({ trailers }: Answer) => findTrailerError(new Headers(Object.entries(trailers) as [string, string][])),
    },
    {
      name: `gRPC-Web ${path}`,
      contentType: "application/grpc-web",
      path,
      mistakes: grpcMistakes,
      errorIn: ({ body }: Answer) => findTrailerError(trailerParse(body.subarray(5))),
    },
  ]),
  {
    name: "Connect, a stream",
    contentType: "application/connect+proto",
    path: runStreamPath,
    mistakes: streamMistakes("connect-content-encoding", "connect-timeout-ms"),
    errorIn: ({ body }) => endStreamFromJson(body.subarray(5)).error,
  },
  {
    name: "Connect, unary",
    contentType: "application/proto",
    path: runPath,
    mistakes: unaryMistakes,
    errorIn: ({ body }) => errorFromJsonBytes(body, undefined, new AnyConnectError("no error object")),
  },
  {
    name: "Connect, unary JSON",
    contentType: "application/json",
    path: runPath,
    mistakes: unaryMistakes.filter(({ headers = {} }) => headers["content-encoding"] !== undefined),
    errorIn: ({ body }) => errorFromJsonBytes(body, undefined, new AnyConnectError("no error object")),
  },
];

/** With the hot path some come to it and some to connect-node; without it all come to connect-node. */
describe.each([true, false])("with the hot path: %s", (hotPath) => {
  let server: TestServer;
  let session: http2.ClientHttp2Session;
  beforeAll(async () => {
    server = await startTestServer({ maxMessageBytes, hotPath });
    session = http2.connect(server.url);
  });
  afterAll(async () => {
    session.destroy();
    await server.close(0);
  });

  function send({ contentType, path }: Form, { headers, body }: Mistake): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const answer = { trailers: {}, body: Buffer.alloc(0) };
      const chunks: Buffer[] = [];
      const stream = session.request({
        ":method": "POST",
        ":path": path,
        "content-type": contentType,
        "x-request-id": "mine",
        ...headers,
      });
      stream.on("trailers", (trailers) => Object.assign(answer, { trailers }));
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("error", reject);
      stream.on("close", () => resolve({ ...answer, body: Buffer.concat(chunks) }));
      stream.end(body);
    });
  }

  describe.each(forms)("$name", (form) => {
    test.each(form.mistakes)("$name is refused with its detail", async (mistake) => {
      const error = form.errorIn(await send(form, mistake));
      expect(error?.rawMessage).not.toBe("");
      expect(error?.code).toBe(mistake.code);
      const [detail, ...more] = error?.findDetails(ErrorDetailSchema) ?? [];
      expect(detail).toMatchObject({ reason: mistake.reason, requestId: "mine" });
      expect(more).toEqual([]);
    });
  });

  test("is logged", () => {
    const refused = server.log.filter(({ msg }) => msg === "rpc refused" || msg === "rpc");
    expect(refused.length).toBeGreaterThan(0);
    for (const line of refused)
      expect(line).toMatchObject({ requestId: "mine", code: expect.stringMatching(/^(?!ok)/) });
  });
});
