import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { WebSocketServer } from "ws";
import type { UpstreamSocket } from "../../src/core/upstream.ts";
import { TextFrames } from "../../src/upstream/text-frames.ts";
import { createUpstream } from "../../src/upstream/upstream.ts";

const servers: WebSocketServer[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

const never = new AbortController().signal;
const explain = (message: string) => ({ message });

/** A socket to a server that says back what it is told, and checks frames and their text as `ws` does. */
async function openEcho(): Promise<UpstreamSocket> {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  servers.push(server);
  server.on("connection", (socket) => socket.on("message", (data, binary) => socket.send(data, { binary })));
  await once(server, "listening");
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return createUpstream({ connectTimeoutMs: 5_000, secrets: [] }).socket({ url, explain }, never);
}

const message = (text: string) => ({
  byteLength: Buffer.byteLength(text),
  write: (target: Buffer, offset: number) => void target.write(text, offset),
});
const textOf = (length: number) => Array.from({ length }, (_, i) => String.fromCharCode(33 + (i % 90))).join("");

describe("messages of text", () => {
  const lengths = [0, 1, 124, 125, 126, 127, 128, 129, 4_000, 6_448, 65_534, 65_535, 65_536, 70_001];

  test("come as they are, whatever their length, and in order with others", async () => {
    const socket = await openEcho();
    const messages = socket.messages[Symbol.asyncIterator]();
    for (const length of lengths) {
      await socket.sendText(message(textOf(length)));
      await socket.send(`after ${length}`);
      expect((await messages.next()).value).toBe(textOf(length));
      expect((await messages.next()).value).toBe(`after ${length}`);
    }
    await socket.sendText(message("ä".repeat(100)));
    expect((await messages.next()).value).toBe("ä".repeat(100));
    socket.close();
    expect((await socket.closed).code).toBe(1000);
  });

  test("are masked with another mask each", () => {
    const frames = new TextFrames();
    const masks = Array.from({ length: 200 }, () => frames.frame(message(textOf(200))).readUInt32BE(4));
    expect(new Set(masks).size).toBeGreaterThan(190);
  });
});
