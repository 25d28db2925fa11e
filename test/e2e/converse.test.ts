import { once } from "node:events";
import { fromBinary, fromJson, type JsonObject, type JsonValue, toBinary, toJson } from "@bufbuild/protobuf";
import { createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { ConverseRequestSchema, ConverseResponseSchema, LiveService } from "../../gen/livellm/v1/live_service_pb.ts";
import { type AccessGateway, adminToken, startAccessGateway } from "../access/access-gateway.ts";
import { createGrpcClient, type LoadedMessage } from "../support/grpc-client.ts";

let gateway: AccessGateway;
beforeAll(async () => {
  gateway = await startAccessGateway();
});
afterAll(() => gateway[Symbol.asyncDispose]());

/** Sends messages one after the other, and ends its side; the events in their JSON form. Throws when the call fails. */
type Converse = (messages: readonly object[], token: string) => Promise<readonly JsonObject[]>;

const path = "/livellm.v1.LiveService/Converse";

function overTransport(transport: (baseUrl: string) => Transport): Converse {
  return async (messages, token) => {
    const client = createClient(LiveService, transport(gateway.url));
    async function* requests() {
      for (const message of messages) yield fromJson(ConverseRequestSchema, message as JsonValue);
    }
    const answers = client.converse(requests(), { headers: { authorization: `Bearer ${token}` }, timeoutMs: 20_000 });
    return await Array.fromAsync(answers, (answer) => toJson(ConverseResponseSchema, answer) as JsonObject);
  };
}

const overGrpcJs: Converse = async (messages, token) => {
  using client = createGrpcClient(gateway.url);
  const call = client.duplex("LiveService/Converse", { metadata: { authorization: `Bearer ${token}` } });
  for (const message of messages) call.write(message);
  call.end();
  const events = await Array.fromAsync(call as AsyncIterable<LoadedMessage>);
  return events.map(({ event, ...fields }) => ({ [String(event)]: fields[String(event)] })) as unknown as JsonObject[];
};

function overWebSocket(binary: boolean): Converse {
  return async (messages, token) => {
    const socket = new WebSocket(gateway.url.replace("http", "ws") + path, {
      headers: { authorization: `Bearer ${token}` },
    });
    const events: JsonObject[] = [];
    socket.on("message", (data: Buffer, isBinary: boolean) => {
      const event = isBinary
        ? toJson(ConverseResponseSchema, fromBinary(ConverseResponseSchema, data))
        : JSON.parse(String(data));
      events.push(event as JsonObject);
    });
    const closed = once(socket, "close");
    await once(socket, "open");
    for (const message of messages) {
      const bytes = toBinary(ConverseRequestSchema, fromJson(ConverseRequestSchema, message as JsonValue));
      socket.send(binary ? bytes : JSON.stringify(message));
    }
    socket.send('{"end": {}}');
    await closed;
    const status = events.pop()?.status as JsonObject;
    if (status.code !== "ok") throw new Error(JSON.stringify(status));
    return events;
  };
}

const faces: readonly (readonly [string, Converse])[] = [
  ["grpc-js", overGrpcJs],
  ["connect-node over gRPC", overTransport((baseUrl) => createGrpcTransport({ baseUrl }))],
  ["connect-node over HTTP/2", overTransport((baseUrl) => createConnectTransport({ baseUrl, httpVersion: "2" }))],
  ["a WebSocket, as JSON", overWebSocket(false)],
  ["a WebSocket, as protobuf", overWebSocket(true)],
];

const route = { targets: [{ provider: "local", model: "echo" }] };
const start = { start: { route, bargeInDisabled: true } };
const say = (text: string) => ({ text: { text } });

describe.each(faces)("a conversation over %s", (_, converse) => {
  test("is answered turn by turn, and ends with what it consumed", async () => {
    const events = await converse([start, say("one two"), say("three")], adminToken);
    const names = events.map((event) => Object.keys(event)[0]).filter((name) => name !== "heartbeat");
    const turn = (words: number) => [...Array.from({ length: words }, () => "textDelta"), "answerFinished"];
    expect(names).toEqual(["started", ...turn(2), ...turn(1), "finished"]);
    expect(events.at(-1)).toMatchObject({ finished: { usage: { inputTokens: 3, outputTokens: 3 } } });
  });

  test("is spoken where that is asked for", async () => {
    const config = { generation: { outputModalities: ["MODALITY_AUDIO"] } };
    const events = await converse([{ start: { route, config, chunkMs: 20 } }, say("Good morning.")], adminToken);
    expect(events.filter(({ audio }) => audio).length).toBeGreaterThan(20);
    expect(events.find(({ started }) => started)).toMatchObject({
      started: { outputFormat: { mimeType: "audio/pcm", sampleRateHertz: 16_000 } },
    });
  });

  test("needs a token, one that may use the route, and is refused when the token's minute is used up", async () => {
    await expect(converse([start, say("x")], "wrong")).rejects.toThrow();
    const elsewhere = await gateway.createToken({ allowedProviders: ["other"] });
    await expect(converse([start, say("x")], elsewhere.secret)).rejects.toThrow(/may not use local/);
    const frugal = await gateway.createToken({ tokensPerMinute: 3 });
    await converse([start, say("one two three")], frugal.secret);
    await expect(converse([start, say("x")], frugal.secret)).rejects.toThrow(/tokensPerMinute/);
  });
});

test("a caller who leaves in the middle has used up what was said", async () => {
  const { secret } = await gateway.createToken({ tokensPerMinute: 2 });
  const client = createClient(LiveService, createGrpcTransport({ baseUrl: gateway.url }));
  const leaving = new AbortController();
  async function* requests() {
    yield fromJson(ConverseRequestSchema, start);
    yield fromJson(ConverseRequestSchema, say("one two"));
    await new Promise(() => undefined);
  }
  const options = { headers: { authorization: `Bearer ${secret}` }, signal: leaving.signal };
  await expect(async () => {
    for await (const { event } of client.converse(requests(), options)) {
      if (event.case === "answerFinished") leaving.abort();
    }
  }).rejects.toThrow();
  await expect.poll(() => overGrpcJs([start, say("x")], secret).catch(String)).toMatch(/tokensPerMinute/);
});

test("the kinds that converse say so", async () => {
  const { body } = await gateway.call("ProvidersService/ListProviderKinds", {});
  const kinds = body.kinds as unknown as readonly { readonly kind: string; readonly rpcs: readonly string[] }[];
  const conversing = kinds.filter(({ rpcs }) => rpcs.includes("LiveService/Converse")).map(({ kind }) => kind);
  expect(conversing.toSorted()).toEqual(["google", "local", "openai"]);
});
