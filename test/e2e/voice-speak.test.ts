import { once } from "node:events";
import type { JsonObject } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { type Gateway, startGateway } from "../support/gateway.ts";
import { createGrpcClient, type GrpcClient, type LoadedMessage } from "../support/grpc-client.ts";
import { namesOf } from "../support/heard.ts";
import { createProvider } from "../support/json-call.ts";
import { startVendor } from "../support/vendor-server.ts";

/** The local voice needs no models. */
const flite = { targets: [{ provider: "local", model: "flite", voice: "slt" }] };
const text = "Good morning. This is the gateway speaking, and it takes its time.";

let gateway: Gateway;
let client: GrpcClient;

beforeAll(async () => {
  gateway = await startGateway();
  client = createGrpcClient(gateway.url);
});
afterAll(async () => {
  client[Symbol.dispose]();
  await gateway.stop();
});

async function speakStream(request: object): Promise<readonly LoadedMessage[]> {
  const stream = client.stream("AudioService/SpeakStream", request) as AsyncIterable<LoadedMessage>;
  return (await Array.fromAsync(stream)).filter(({ event }) => event !== "heartbeat");
}

const audioOf = (events: readonly LoadedMessage[]) =>
  events.flatMap(({ audio }) => (audio ? [(audio as LoadedMessage).data as Buffer] : []));

describe("SpeakStream in chunks of 20 ms", () => {
  const formats = [
    ["audio/ulaw", 8000, 160],
    ["audio/alaw", 8000, 160],
    ["audio/pcm", 8000, 320],
    ["audio/pcm", 16_000, 640],
    ["audio/pcm", 24_000, 960],
    ["audio/pcm", 48_000, 1920],
  ] as const;

  test.each(formats)(
    "%s at %d Hz: every chunk has %d bytes, only the last may have fewer",
    async (mimeType, rate, bytes) => {
      const config = { format: { mimeType, sampleRateHertz: rate } };
      const events = await speakStream({ route: flite, text, config, chunkMs: 20 });
      const chunks = audioOf(events);
      expect(chunks.length).toBeGreaterThan(100);
      expect(new Set(chunks.slice(0, -1).map(({ length }) => length))).toEqual(new Set([bytes]));
      expect(chunks.at(-1)?.length).toBeLessThanOrEqual(bytes);
      const whole = (await client.unary("AudioService/Speak", { route: flite, text, config })).audio as Buffer;
      expect(Buffer.concat(chunks).equals(whole), "the chunks are the whole").toBe(true);
      const finished = events.at(-1)?.finished as LoadedMessage;
      expect(Number(finished.durationMs)).toBe(Math.round((whole.length / bytes) * 20));
    },
  );

  test("a vendor's odd pieces, in another form than asked for, become exact telephone frames", async () => {
    const second = Buffer.alloc(48_000);
    for (let i = 0; i < 24_000; i++) second.writeInt16LE(Math.round(8000 * Math.sin(i / 9)), i * 2);
    const pieces = Array.from({ length: 49 }, (_, i) => second.subarray(i * 997, (i + 1) * 997));
    await using vendor = await startVendor({ headers: { "content-type": "audio/pcm" }, body: pieces });
    await createProvider(gateway.url, { id: "odd", kind: "openai", apiKey: "sk-test", baseUrl: `${vendor.url}/v1` });
    const route = { targets: [{ provider: "odd", model: "gpt-4o-mini-tts", voice: "alloy" }] };
    const config = { format: { mimeType: "audio/ulaw", sampleRateHertz: 8000 } };
    const events = await speakStream({ route, text, config, chunkMs: 20 });
    const chunks = audioOf(events);
    expect(chunks.map(({ length }) => length)).toEqual(Array(50).fill(160));
    expect(events[0]?.started).toMatchObject({
      format: { mimeType: "audio/ulaw", sampleRateHertz: 8000 },
      warnings: [{ code: "audio-resampled" }],
    });
    expect(vendor.calls[0]?.path).toBe("/v1/audio/speech");
  });
});

/** A session of SpeakDuplex over a WebSocket. */
async function openDuplex() {
  const socket = new WebSocket(`${gateway.url.replace("http", "ws")}/livellm.v1.AudioService/SpeakDuplex`);
  const events: JsonObject[] = [];
  const watchers = new Set<() => void>();
  socket.on("message", (data: Buffer) => {
    const event = JSON.parse(data.toString()) as JsonObject;
    if (event.heartbeat === undefined) events.push(event);
    for (const look of [...watchers]) look();
  });
  const closed = once(socket, "close");
  await once(socket, "open");
  return {
    events,
    closed,
    send: (...messages: readonly object[]) => {
      for (const message of messages) socket.send(JSON.stringify(message));
    },
    /** Resolves when so many events of this name have come. */
    came: (name: string, count = 1) =>
      new Promise<void>((resolve) => {
        const look = () => {
          if (namesOf(events).filter((one) => one === name).length < count) return;
          watchers.delete(look);
          resolve();
        };
        watchers.add(look);
        look();
      }),
  };
}

const secondsOf = (events: readonly JsonObject[]) =>
  events.reduce((sum, { audio }) => sum + Buffer.byteLength(String((audio as JsonObject)?.data ?? ""), "base64"), 0) /
  8000;

describe("SpeakDuplex over a WebSocket", () => {
  const start = {
    start: { route: flite, config: { format: { mimeType: "audio/ulaw", sampleRateHertz: 8000 } }, chunkMs: 20 },
  };

  test("speaks text as it comes, says when a flush has been spoken, and finishes after the end", async () => {
    const session = await openDuplex();
    session.send(start, { text: { text: "Good mor" } }, { text: { text: "ning to you" } }, { flush: {} });
    await session.came("flushed");
    const firstFlush = session.events.length;
    expect(namesOf(session.events)[0]).toBe("started");
    expect(secondsOf(session.events)).toBeGreaterThan(0.6);
    session.send({ text: { text: "And good night." } }, { end: {} });
    await session.closed;
    expect(secondsOf(session.events.slice(firstFlush))).toBeGreaterThan(0.5);
    expect(namesOf(session.events).slice(-2)).toEqual(["finished", "status"]);
    expect(session.events.at(-1)).toEqual({ status: { code: "ok" } });
  });

  test("forgets what was not spoken when it is cleared, and speaks on", async () => {
    const session = await openDuplex();
    session.send(start, { text: { text: "This is where it begins. And then" } });
    await session.came("audio");
    session.send({ text: { text: " this is never to be heard, because the speaker was interrupted" } }, { clear: {} });
    await session.came("cleared");
    const cleared = namesOf(session.events).indexOf("cleared");
    session.send({ text: { text: "Yes?" } }, { flush: {} });
    await session.came("flushed");
    const after = session.events.slice(cleared + 1);
    const alone = (
      await client.unary("AudioService/Speak", {
        route: flite,
        text: "Yes?",
        config: { format: { mimeType: "audio/ulaw", sampleRateHertz: 8000 } },
      })
    ).audio as Buffer;
    expect(Math.abs(secondsOf(after) - alone.length / 8000)).toBeLessThan(0.05);
    session.send({ end: {} });
    await session.closed;
    expect(session.events.at(-1)).toEqual({ status: { code: "ok" } });
  });
});
