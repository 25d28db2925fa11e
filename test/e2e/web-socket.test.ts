import { readFileSync } from "node:fs";
import path from "node:path";
import { create, toBinary } from "@bufbuild/protobuf";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { TranscribeStreamRequestSchema } from "../../gen/livellm/v1/transcription_service_pb.ts";
import { type Browser, bundle, startBrowser } from "../support/browser.ts";
import type { Conversation, PageSocket } from "../support/browser-web-socket.ts";
import { type ChatVendor, chunk, startChatVendor, type VendorCall } from "../support/chat-vendor.ts";
import { echoRequest, requestTo } from "../support/echo-request.ts";
import { chromium, describeWith } from "../support/foreign-tools.ts";
import { type Gateway, projectRoot, startGateway } from "../support/gateway.ts";
import { createProvider } from "../support/json-call.ts";
import type { TestServer } from "../transport/test-server.ts";
import { startWebSocketServer, transcribePath } from "../transport/web-socket-server.ts";

const runStreamPath = "/livellm.v1.AgentService/RunStream";
const webSocketUrl = (httpUrl: string, rpc: string) => httpUrl.replace("http", "ws") + rpc;

describe("the gateway over a WebSocket", () => {
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

  /** A call whose answers are collected. */
  function call(message: object) {
    const socket = new WebSocket(webSocketUrl(gateway.url, runStreamPath));
    const frames: Record<string, unknown>[] = [];
    const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    const textCame = new Promise<void>((resolve) => {
      socket.on("message", (data: Buffer) => {
        frames.push(JSON.parse(data.toString()) as Record<string, unknown>);
        if (frames.at(-1)?.textDelta) resolve();
      });
    });
    socket.on("error", () => undefined); // a call that is left
    socket.on("open", () => socket.send(JSON.stringify(message)));
    return { socket, frames, closed, textCame };
  }

  test("streams the model echo, events and status as the other faces have them", async () => {
    const { frames, closed } = call(echoRequest("one two three"));
    await closed;
    const words = frames.filter(({ textDelta }) => textDelta).map(({ textDelta }) => textDelta);
    expect(words).toMatchObject([{ text: "one" }, { text: " two" }, { text: " three" }]);
    expect(frames.at(-2)).toMatchObject({ finished: { text: "one two three" } });
    expect(frames.at(-1)).toEqual({ status: { code: "ok" } });
  });

  test("says that a stream broke", async () => {
    const { frames, closed, textCame } = call(request);
    const vendorCall = await vendor.nextCall();
    vendorCall.begin();
    vendorCall.send(chunk({ content: "Hello" }));
    await textCame;
    vendorCall.cut();
    await closed;
    expect(frames.at(-1)).toMatchObject({
      status: { code: "unavailable", details: [{ debug: { reason: "REASON_STREAM_BROKEN", attempts: [{}] } }] },
    });
  });

  const leave: readonly (readonly [string, (socket: WebSocket) => void])[] = [
    ["a close frame", (socket) => socket.close()],
    ["hanging up", (socket) => socket.terminate()],
  ];
  type Open = ReturnType<typeof call>;
  const phases: readonly (readonly [string, (vendorCall: VendorCall, open: Open) => Promise<unknown>])[] = [
    ["before the vendor's headers", async () => undefined],
    ["before its first part", async (vendorCall) => vendorCall.begin()],
    [
      "in the middle of its stream",
      (vendorCall, open) => {
        vendorCall.begin();
        vendorCall.send(chunk({ content: "Hello" }));
        return open.textCame;
      },
    ],
  ];

  describe.each(leave)("after %s the vendor's socket is closed within 100 ms", (_, go) => {
    test.each(phases)("%s", async (_, reach) => {
      const times: number[] = [];
      for (let round = 0; round < 20; round++) {
        const open = call(request);
        const vendorCall = await vendor.nextCall();
        await reach(vendorCall, open);
        const left = performance.now();
        go(open.socket);
        times.push((await vendorCall.closed) - left);
      }
      // One of twenty may meet a pause of the whole machine.
      expect(times.toSorted((a, b) => a - b)[18], `times: ${times.map((time) => time.toFixed(1))}`).toBeLessThan(100);
    });
  });

  test("a client that does not read slows the vendor down, not our memory", async () => {
    const mebibyte = 1024 * 1024;
    const before = gateway.residentBytes();
    const open = call(request);
    const vendorCall = await vendor.nextCall();
    open.socket.pause();
    vendorCall.begin();
    const text = "x".repeat(64 * 1024);
    let sent = 0;
    let blocked = false;
    while (sent < 256 * mebibyte && !blocked) {
      sent += text.length;
      if (!vendorCall.send(chunk({ content: text }))) blocked = await isSilent(vendorCall.drained());
    }
    expect(blocked, "the vendor was never stopped").toBe(true);
    expect(sent).toBeLessThan(32 * mebibyte);
    expect(gateway.residentBytes() - before).toBeLessThan(128 * mebibyte);
    open.socket.terminate();
    await vendorCall.closed;
  });
});

/** True when a connection takes nothing for so long that we believe it. */
async function isSilent(drained: Promise<unknown>): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(resolve, 700, true);
  await Promise.race([promise, drained.then(() => resolve(false))]);
  clearTimeout(timer);
  return promise;
}

describeWith(chromium, "a page in Chromium", () => {
  let browser: Browser;
  let open: TestServer;
  let closed: TestServer;
  let page: Page;

  beforeAll(async () => {
    browser = await startBrowser();
    open = await startWebSocketServer({ allowedOrigins: [browser.origin] });
    closed = await startWebSocketServer({ allowedOrigins: ["https://app.example.com"] });
    const source = readFileSync(path.join(projectRoot, "test/support/browser-web-socket.ts"), "utf8");
    page = await browser.open(await bundle(source, "test/support"));
  });
  afterAll(async () => {
    await browser[Symbol.asyncDispose]();
    await open.close(0);
    await closed.close(0);
  });

  function converse(url: string, frames: readonly (string | readonly number[])[]): Promise<Conversation> {
    return page.evaluate(
      ([to, what]) => (globalThis as unknown as { livellmSocket: PageSocket }).livellmSocket.converse(to, what),
      [url, frames] as const,
    );
  }

  const start = {
    route: { targets: [{ provider: "local", model: "echo" }] },
    format: { mimeType: "audio/pcm", sampleRateHertz: 16000 },
  };
  const audio = (bytes: number) => JSON.stringify({ audio: { data: Buffer.alloc(bytes).toString("base64") } });

  test("has a stream both ways in JSON: each answer comes before the next message goes", async () => {
    const { received, ...rest } = await converse(webSocketUrl(open.url, transcribePath), [
      JSON.stringify({ start }),
      audio(3),
      audio(4),
    ]);
    expect(rest).toEqual({ protocol: "livellm.v1", code: 1000, reason: "ok" });
    expect(received.map((frame) => JSON.parse(String(frame)))).toMatchObject([
      { started: {} },
      { segment: { text: "3" } },
      { segment: { text: "7" } },
      { finished: { text: "7" } },
      { status: { code: "ok" } },
    ]);
  });

  test("has a stream both ways in protobuf", async () => {
    const binary = (init: Parameters<typeof create<typeof TranscribeStreamRequestSchema>>[1]) => [
      ...toBinary(TranscribeStreamRequestSchema, create(TranscribeStreamRequestSchema, init)),
    ];
    const { received, code } = await converse(webSocketUrl(open.url, transcribePath), [
      binary({ input: { case: "start", value: start } }),
      binary({ input: { case: "audio", value: { data: new Uint8Array(1000) } } }),
    ]);
    expect(code).toBe(1000);
    expect(received.slice(0, -1).every((frame) => typeof frame === "number")).toBe(true);
    expect(received.at(-1)).toBe('{"status":{"code":"ok"}}');
  });

  test("is kept out where its origin is not on the list", async () => {
    const { received, code } = await converse(webSocketUrl(closed.url, transcribePath), [JSON.stringify({ start })]);
    expect([received, code]).toEqual([[], 1006]);
  });
});
