// The server under test of the conformance runner (connectrpc.com/conformance): it reads one request from stdin, starts the
// product's transport with the service of the runner, and says on stdout where it listens. The argument is the file with
// the descriptors. LIVELLM_HOT_PATH=off leaves everything to connect-node.
import { readFileSync, writeSync } from "node:fs";
import { create, createFileRegistry, type DescMessage, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { ConnectError } from "@connectrpc/connect";
import { codeFromString } from "@connectrpc/connect/protocol-connect";
import { pino } from "pino";
import { LivellmError } from "../../src/core/error.ts";
import { createHttpHandler } from "../../src/transport/http-handler.ts";
import { listen } from "../../src/transport/listener.ts";
import { createConformanceRoute } from "./service.ts";

const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(process.argv[2] ?? "")));

interface Wanted extends Message {
  readonly messageReceiveLimit: number;
}

const wanted = fromBinary(descOf("ServerCompatRequest"), firstFrame(readFileSync(0))) as unknown as Wanted;
const handler = createHttpHandler({
  routes: [createConformanceRoute(registry)],
  interceptors: [],
  // The statuses are the runner's own; ours are added by an interceptor that is not part of the transport.
  explainError: (error) =>
    error instanceof LivellmError
      ? new ConnectError(error.message, codeFromString(error.code))
      : ConnectError.from(error),
  allowedOrigins: ["*"],
  limits: { maxMessageBytes: wanted.messageReceiveLimit || 4 * 1024 * 1024 },
  hotPath: process.env.LIVELLM_HOT_PATH !== "off",
  logger: pino({ level: "silent" }),
  registry,
});
const { port } = await listen({
  port: 0,
  host: "127.0.0.1",
  handler: handler.handle,
  onStream: handler.handleStream,
});
const answer = create(descOf("ServerCompatResponse"), { host: "127.0.0.1", port } as Record<string, unknown>);
writeSync(1, framed(toBinary(descOf("ServerCompatResponse"), answer)));

function descOf(name: string): DescMessage {
  const desc = registry.getMessage(`connectrpc.conformance.v1.${name}`);
  if (!desc) throw new Error(`the descriptors have no ${name}`);
  return desc;
}

function firstFrame(bytes: Buffer): Buffer {
  return bytes.subarray(4, 4 + bytes.readUInt32BE());
}

function framed(bytes: Uint8Array): Buffer {
  const frame = Buffer.alloc(4 + bytes.length);
  frame.writeUInt32BE(bytes.length);
  frame.set(bytes, 4);
  return frame;
}
