import http from "node:http";
import http2 from "node:http2";
import type { Readable } from "node:stream";
import { fromJson, type JsonValue, toBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, expect, test } from "vitest";
import { RunStreamRequestSchema } from "../../gen/livellm/v1/agent_service_pb.ts";
import { type ChatVendor, chunk, startChatVendor, type VendorCall } from "../support/chat-vendor.ts";
import { requestTo } from "../support/echo-request.ts";
import { type Gateway, startGateway } from "../support/gateway.ts";
import { createProvider } from "../support/json-call.ts";

const mebibyte = 1024 * 1024;
const text = "x".repeat(64 * 1024);
/** What a vendor would write if nobody stopped it. */
const offeredBytes = 256 * mebibyte;
/** What fits into the kernel's buffers of three sockets and the programs' own: far less than is offered. */
const heldBytes = 32 * mebibyte;

let gateway: Gateway;
let vendor: ChatVendor;

beforeAll(async () => {
  gateway = await startGateway();
  vendor = await startChatVendor();
  await createProvider(gateway.url, { id: "vendor", kind: "openai-compatible", baseUrl: vendor.baseUrl });
});

afterAll(async () => {
  await vendor[Symbol.asyncDispose]();
  await gateway.stop();
});

const request = requestTo([{ provider: "vendor", model: "m-1" }]);

/** A client that has called, and reads nothing until it is told to. */
interface SlowReader {
  read(): void;
  leave(): void;
}

const readers: readonly (readonly [name: string, open: () => SlowReader])[] = [
  ["gRPC", slowGrpc],
  ["server-sent events", () => slowHttp("text/event-stream")],
  ["JSON lines", () => slowHttp("application/x-ndjson")],
  ["Connect", () => slowHttp("application/connect+json")],
];

test.each(readers)("a client of %s that does not read slows the vendor down, not our memory", async (_, open) => {
  const before = gateway.residentBytes();
  const reader = open();
  const call = await vendor.nextCall();
  const writer = pour(call);
  expect(await writer.untilBlocked(), "the vendor was never stopped").toBe(true);
  const held = writer.bytes();
  expect(held).toBeLessThan(heldBytes);
  expect(gateway.residentBytes() - before).toBeLessThan(4 * heldBytes);
  reader.read();
  expect(await writer.untilBytes(held + 4 * mebibyte), "reading does not set the vendor going again").toBe(true);
  reader.leave();
  await call.closed;
});

/** Not through grpc-js: it reads ahead without bound, whatever the application does. */
function slowGrpc(): SlowReader {
  const session = http2.connect(gateway.url);
  const path = "/livellm.v1.AgentService/RunStream";
  const call = session.request({
    ":method": "POST",
    ":path": path,
    "content-type": "application/grpc",
    te: "trailers",
  });
  call.end(enveloped(toBinary(RunStreamRequestSchema, fromJson(RunStreamRequestSchema, request as JsonValue))));
  return {
    read: () => void call.resume(),
    leave: () => void session.destroy(),
  };
}

function slowHttp(type: string): SlowReader {
  const connect = type.startsWith("application/connect");
  const headers = { "content-type": connect ? type : "application/json", accept: type };
  const call = http.request(`${gateway.url}/livellm.v1.AgentService/RunStream`, { method: "POST", headers });
  const response = new Promise<Readable>((resolve) => call.once("response", resolve));
  call.on("error", () => undefined); // the destroy at the end
  call.end(connect ? enveloped(Buffer.from(JSON.stringify(request))) : JSON.stringify(request));
  return {
    read: () => void response.then((body) => body.resume()),
    leave: () => void call.destroy(),
  };
}

/** The framing of a message that gRPC and Connect share: flags and length before it. */
function enveloped(message: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** How long a connection that takes nothing has to be silent before we believe it. */
const silenceMs = 700;

/** Writes as fast as the connection takes it. */
function pour(call: VendorCall) {
  let bytes = 0;
  let blocked: Promise<unknown> | undefined;
  const writeUntil = async (stop: () => boolean) => {
    for (; bytes < offeredBytes && !stop(); bytes += text.length) {
      if (call.send(chunk({ content: text }))) continue;
      blocked = call.drained();
      if (await isSilent(blocked)) return false;
      blocked = undefined;
    }
    return true;
  };
  call.begin();
  return {
    bytes: () => bytes,
    /** False when all that is offered was taken. */
    untilBlocked: async () => !(await writeUntil(() => false)),
    /** False when the connection stays blocked. */
    untilBytes: async (most: number) => {
      await blocked;
      return writeUntil(() => bytes >= most);
    },
  };
}

async function isSilent(drained: Promise<unknown>): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(resolve, silenceMs, true);
  await Promise.race([promise, drained.then(() => resolve(false))]);
  clearTimeout(timer);
  return promise;
}
