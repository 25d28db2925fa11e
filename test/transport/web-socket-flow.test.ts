import type { MessageInitShape } from "@bufbuild/protobuf";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { TranscribeStreamResponseSchema } from "../../gen/livellm/v1/transcription_service_pb.ts";
import type { Agent, Transcription } from "./echo-services.ts";
import { requestOf, runStreamPath, type TestServer, until } from "./test-server.ts";
import {
  type Client,
  open,
  openRaw,
  rawFrame,
  startWebSocketServer,
  transcribePath,
  type WebSocketServerOptions,
} from "./web-socket-server.ts";

const limitMs = 100;
const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;

/** What the services saw of the last call. */
let seen: { signal?: AbortSignal; sent: number; heard: number; ended: boolean };
/** What the service that listens waits for after its first message. */
let listen: (() => Promise<void>) | undefined;
const servers: TestServer[] = [];

beforeEach(() => {
  seen = { sent: 0, heard: 0, ended: false };
  listen = undefined;
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close(0)));
});

const flooding = "x".repeat(10_000);

const delta = (text: string) => ({ event: { case: "textDelta" as const, value: { text } } });

const agent: Partial<Agent> = {
  async *runStream({ messages }, { signal }) {
    seen.signal = signal;
    try {
      const text = messages[0]?.text ?? "";
      if (text === "wait first") await forever(signal);
      yield delta(text);
      for (; text === "flood" && !signal.aborted; seen.sent++) yield delta(flooding);
      if (text === "wait") await forever(signal);
    } finally {
      seen.ended = true;
    }
  },
};

const transcription: Transcription = {
  async *transcribeStream(
    requests,
    { signal },
  ): AsyncGenerator<MessageInitShape<typeof TranscribeStreamResponseSchema>> {
    seen.signal = signal;
    try {
      for await (const { input } of requests) {
        if (input.case === "start") yield { event: { case: "started", value: {} } };
        if (input.case === "audio") seen.heard += input.value.data.length;
        if (input.case === "silence") seen.heard++;
        if (listen) await Promise.race([listen(), forever(signal)]);
        listen = undefined;
      }
      yield { event: { case: "finished", value: { text: String(seen.heard) } } };
    } finally {
      seen.ended = true;
    }
  },
};

async function start(options: WebSocketServerOptions = {}): Promise<TestServer> {
  const server = await startWebSocketServer({ agent, transcription, ...options });
  servers.push(server);
  return server;
}

function forever(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason));
  });
}

const opening = {
  start: { route: requestOf("x").route, format: { mimeType: "audio/pcm", sampleRateHertz: 16000 } },
};
const audio = (bytes: number) => JSON.stringify({ audio: { data: Buffer.alloc(bytes).toString("base64") } });

describe("when the client goes, the call is aborted within 100 ms", () => {
  const ways: readonly (readonly [string, (client: Client) => void])[] = [
    ["by a close frame", ({ socket }) => socket.close(1000)],
    ["by a close frame without a code", ({ socket }) => socket.close()],
    ["by hanging up", ({ socket }) => socket.terminate()],
  ];
  const phases: readonly (readonly [string, (client: Client) => Promise<void>])[] = [
    [
      "before the first answer",
      async (client) => {
        client.send(requestOf("wait first"));
        await until(() => seen.signal !== undefined);
      },
    ],
    [
      "in the middle of the answers",
      async (client) => {
        client.send(requestOf("wait"));
        await until(() => client.frames.length === 1);
      },
    ],
    [
      "while it does not read",
      async (client) => {
        client.socket.pause();
        client.send(requestOf("flood"));
        await settled(() => seen.sent);
      },
    ],
  ];
  describe.each(ways)("%s", (_, leave) => {
    test.each(phases)("%s", async (_, reach) => {
      const server = await start();
      const client = await open(server, runStreamPath);
      await reach(client);
      leave(client);
      await until(() => seen.signal?.aborted === true && seen.ended, limitMs);
      expect(seen.signal?.reason).toMatchObject({ code: "canceled" });
      client.leave();
    });

    test("while the service waits for its next message", async () => {
      const client = await open(await start(), transcribePath);
      client.send(opening);
      await until(() => client.frames.length === 1);
      leave(client);
      await until(() => seen.signal?.aborted === true && seen.ended, limitMs);
    });

    test("before its first frame, and nothing is called", async () => {
      const server = await start();
      const client = await open(server, runStreamPath);
      leave(client);
      await client.closed;
      await until(() => server.log.some(({ code }) => code === "canceled"), limitMs);
      expect(seen.signal).toBeUndefined();
    });
  });

  test("in the middle of a frame", async () => {
    const client = await openRaw(await start(), transcribePath);
    client.socket.write(rawFrame("text", JSON.stringify(opening)));
    await until(() => client.received().includes("started"));
    client.socket.write(rawFrame("text", audio(100)).subarray(0, 50));
    client.socket.end();
    await until(() => seen.signal?.aborted === true && seen.ended, limitMs);
    expect(seen.heard).toBe(0);
  });

  test("with a reset", async () => {
    const client = await openRaw(await start(), runStreamPath);
    client.socket.write(rawFrame("text", JSON.stringify(requestOf("wait"))));
    await until(() => client.received().includes("textDelta"));
    client.socket.resetAndDestroy();
    await until(() => seen.signal?.aborted === true && seen.ended, limitMs);
  });

  test("even while nothing is read of it, because the service lags behind", async () => {
    const server = await start({ times: { pausedPingIntervalMs: 10 } });
    listen = () => new Promise(() => undefined);
    const client = await floodWithAudio(server);
    client.socket.resetAndDestroy();
    // Not by reading: by writing. Two pings are on their way before the first of them has failed.
    await until(() => seen.signal?.aborted === true && seen.ended, limitMs);
  });
});

describe("a client that does not read", () => {
  test("holds the service back, and gets everything once it reads", async () => {
    const server = await start();
    const client = await open(server, runStreamPath);
    client.socket.pause();
    client.send(requestOf("flood"));
    await settled(() => seen.sent);
    const atRest = seen.sent;
    // The sockets of both sides hold a few MiB at most; the service would make without end.
    expect(atRest * flooding.length).toBeLessThan(20 * mebibyte);
    client.socket.resume();
    await until(() => client.frames.length > atRest + 100);
    expect(new Set(client.frames.slice(1).map((frame) => JSON.stringify(frame).length)).size).toBe(1);
    client.leave();
    await until(() => seen.ended, limitMs);
  });

  test("gets the status when its deadline passes, behind what it has not read", async () => {
    const client = await open(await start(), runStreamPath);
    client.socket.pause();
    client.send({ headers: { "x-timeout-ms": "300" } });
    client.send(requestOf("flood"));
    await until(() => seen.ended);
    client.socket.resume();
    expect(await client.status()).toMatchObject({ code: "deadline_exceeded" });
    expect(client.frames.length).toBeGreaterThan(100);
  });
});

describe("a service that lags behind", () => {
  test("holds the client back, and hears everything in the end", async () => {
    const server = await start();
    const gate = Promise.withResolvers<void>();
    listen = () => gate.promise;
    const client = await floodWithAudio(server);
    expect(client.offered).toBeGreaterThan(seen.heard + mebibyte);
    gate.resolve();
    await until(() => client.socket.writableLength === 0);
    client.socket.write(rawFrame("text", JSON.stringify({ end: {} })));
    await until(() => client.received().includes('{"status":{"code":"ok"}}'), 10_000);
    expect(seen.heard).toBe(client.frames * frameOfAudio);
    client.socket.destroy();
  });

  test("holds back a client of tiny messages, too, which come by the thousand in one read", async () => {
    const server = await start();
    const gate = Promise.withResolvers<void>();
    listen = () => gate.promise;
    const { socket, received } = await openRaw(server, transcribePath);
    const tiny = rawFrame("binary", Uint8Array.of(0x1a, 0x02, 0x08, 0x01)); // silence of 1 ms
    socket.write(rawFrame("text", JSON.stringify(opening)));
    const count = 50_000;
    socket.write(Buffer.concat(Array.from({ length: count }, () => tiny)));
    socket.write(rawFrame("text", '{"end":{}}'));
    await until(() => received().includes("started"));
    gate.resolve();
    await until(() => received().includes('"ok"'), 10_000);
    expect(seen.heard).toBe(count);
    socket.destroy();
  });
});

const frameOfAudio = 32 * kibibyte;

/** Opens a session and sends audio until the connection takes no more. */
async function floodWithAudio(server: TestServer) {
  const { socket, received } = await openRaw(server, transcribePath);
  socket.write(rawFrame("text", JSON.stringify(opening)));
  await until(() => received().includes("started"));
  const frame = rawFrame("text", audio(frameOfAudio));
  let frames = 0;
  const offered = 32 * mebibyte;
  while (socket.write(frame) || !(await isSilent(socket))) {
    frames++;
    if (frames * frame.length > offered) throw new Error("the server takes whatever comes");
  }
  return { socket, received, frames: frames + 1, offered: frames * frame.length };
}

/** How long a connection that takes nothing has to be silent before we believe it. */
async function isSilent(socket: { once(event: "drain", listener: () => void): unknown }): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(resolve, 200, true);
  socket.once("drain", () => resolve(false));
  const silent = await promise;
  clearTimeout(timer);
  return silent;
}

describe("the heartbeat", () => {
  const times = { pingIntervalMs: 40 };

  test("cuts a client off that has missed two pings", async () => {
    const { socket, received } = await openRaw(await start({ times }), runStreamPath);
    socket.write(rawFrame("text", JSON.stringify(requestOf("wait"))));
    await until(() => seen.signal !== undefined);
    const began = performance.now();
    await until(() => seen.signal?.aborted === true && seen.ended);
    expect(performance.now() - began).toBeGreaterThan(2 * times.pingIntervalMs - 20);
    expect(received().split("\u0089\u0000").length - 1, "pings").toBeGreaterThanOrEqual(2);
    await new Promise((resolve) => (socket.destroyed ? resolve(0) : socket.once("close", resolve)));
  });

  test("leaves a client alone that answers", async () => {
    const client = await open(await start({ times }), runStreamPath);
    let pings = 0;
    client.socket.on("ping", () => pings++);
    client.send(requestOf("wait"));
    await until(() => pings > 6);
    expect(seen.signal?.aborted).toBe(false);
    client.leave();
  });

  test("leaves a client alone that is only slow to read, and sees no ping behind all that came before", async () => {
    const client = await open(await start({ times: { pingIntervalMs: 500 } }), runStreamPath);
    client.socket.pause();
    client.send(requestOf("flood"));
    const { _socket: connection } = client.socket as unknown as { readonly _socket: { read(): Buffer | null } };
    for (const end = performance.now() + 2_000; performance.now() < end; ) {
      connection.read();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(seen.signal?.aborted).toBe(false);
    client.leave();
  });

  test("takes a client for dead that has stopped reading, and lets go of what it asked for", async () => {
    const client = await open(await start({ times }), runStreamPath);
    client.socket.pause();
    client.send(requestOf("flood"));
    await until(() => seen.signal !== undefined);
    await until(() => seen.signal?.aborted === true && seen.ended);
    client.leave();
  });

  test("does not hold it against a client that the server itself does not read", async () => {
    const server = await start({ times: { pingIntervalMs: 20, pausedPingIntervalMs: 20 } });
    const gate = Promise.withResolvers<void>();
    listen = () => gate.promise;
    const client = await floodWithAudio(server);
    await until(() => client.received().split("\u0089\u0000").length > 8);
    expect(seen.signal?.aborted).toBe(false);
    gate.resolve();
    client.socket.destroy();
  });

  test("is over when the socket is: no timer is left", async () => {
    const server = await start();
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
    const before = timers();
    const client = await open(server, runStreamPath);
    expect(timers()).toBeGreaterThan(before);
    client.send(requestOf("x"));
    await client.closed;
    await until(() => timers() <= before);
  });
});

test("a client that connects and says nothing gets a status after a while", async () => {
  const client = await open(await start({ times: { firstFrameTimeoutMs: 30 } }), runStreamPath);
  expect(await client.status()).toMatchObject({
    code: "deadline_exceeded",
    message: expect.stringContaining("0.03 s"),
  });
  expect(await client.closed).toMatchObject({ code: 1000 });
});

test("a client that does not answer our close frame is cut off", async () => {
  const { socket, received } = await openRaw(await start({ times: { closeTimeoutMs: 30 } }), runStreamPath);
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.write(rawFrame("text", JSON.stringify(requestOf("x"))));
  await until(() => received().includes('"status"'));
  await closed;
});

test("two hundred sockets at once, each with its own session", async () => {
  const server = await start({
    transcription: {
      async *transcribeStream(requests) {
        let bytes = 0;
        for await (const { input } of requests) {
          if (input.case !== "audio") continue;
          bytes += input.value.data.length;
          yield { event: { case: "segment", value: { text: String(bytes) } } };
        }
      },
    },
  });
  const sessions = Array.from({ length: 200 }, async (_, index) => {
    const client = await open(server, transcribePath);
    client.send(opening);
    for (let i = 0; i < 10; i++) client.send(audio(index + 1));
    client.send({ end: {} });
    expect(await client.status()).toEqual({ code: "ok" });
    expect(client.frames).toHaveLength(11);
    expect(client.frames.at(-2)).toEqual({ segment: { text: String((index + 1) * 10) } });
  });
  await Promise.all(sessions);
});

/** Waits until a figure has stopped changing for a while. */
async function settled(figure: () => number): Promise<void> {
  let before = -1;
  while (before !== figure() || before === 0) {
    before = figure();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
