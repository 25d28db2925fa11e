import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { recogniseLa, tone } from "../providers/speech-driving.ts";
import { chunk, startChatVendor } from "../support/chat-vendor.ts";
import { startFakeAsr } from "../support/fake-asr.ts";
import { describeWith } from "../support/foreign-tools.ts";
import { type CompatGateway, startCompatGateway } from "./compat-gateway.ts";
import { post } from "./http-call.ts";
import { localEngine } from "./local-engine.ts";
import { connectSocket } from "./socket-client.ts";

interface Reply {
  readonly session_id?: string;
  readonly status: string;
  readonly action: string;
  readonly data: {
    readonly output?: string;
    readonly audio?: string;
    readonly content_type?: string;
    readonly sample_rate?: number;
  };
  readonly error: string | null;
}

let gateway: CompatGateway;
beforeAll(async () => {
  gateway = await startCompatGateway();
});
afterAll(() => gateway[Symbol.asyncDispose]());

const ask = (content: string, options: object = {}) => ({
  provider_uid: "local",
  model: "echo",
  messages: [{ role: "user", content }],
  gen_config: { extra_body: options },
});

const connect = <T>(place: string, url = gateway.url) => connectSocket<T>(url + place);

const ended = (id: string | undefined) => (reply: Reply) => reply.session_id === id && reply.status !== "streaming";

describe("the multiplexed WebSocket", () => {
  test.each(["/livellm/ws", "/livellm/ws/", "/ws", "//livellm/ws"])("is at %s", async (at) => {
    await using client = await connect<Reply>(at);
    client.send({ session_id: "1", action: "agent_run", payload: ask("Hello") });
    const [reply] = await client.until(ended("1"));
    expect(reply).toEqual({
      session_id: "1",
      status: "success",
      action: "agent_run",
      data: { output: "Hello", usage: { input_tokens: 1, output_tokens: 1 }, history: null },
      error: null,
    });
  });

  test("sends a stream and exactly one terminal message; without an id for clients that have none", async () => {
    await using client = await connect<Reply>("/livellm/ws");
    client.send({ action: "agent_run_stream", payload: ask("one two") });
    const replies = await client.until(ended(undefined));
    expect(replies.map(({ status, data }) => [status, data.output])).toEqual([
      ["streaming", "one"],
      ["streaming", "one two"],
      ["streaming", ""],
      ["success", undefined],
    ]);
    expect(replies.every((reply) => !("session_id" in reply))).toBe(true);
  });

  test("runs sessions side by side: one that waits for its provider holds up no other", async () => {
    await using vendor = await startChatVendor();
    const config = { uid: "slow", provider: "groq", api_key: "k", base_url: vendor.baseUrl };
    await post(`${gateway.url}/livellm/providers/config`, config);
    await using client = await connect<Reply>("/livellm/ws");
    client.send({
      session_id: "slow",
      action: "agent_run_stream",
      payload: { ...ask("Hi"), provider_uid: "slow", gen_config: null },
    });
    const call = await vendor.nextCall();
    for (let i = 0; i < 20; i++) client.send({ session_id: `${i}`, action: "agent_run", payload: ask(`quick ${i}`) });
    for (let i = 0; i < 20; i++) await client.until(ended(`${i}`));
    expect(client.replies.some(ended("slow"))).toBe(false);
    call.begin();
    call.send(chunk({ role: "assistant", content: "done" }));
    call.send(chunk({}, "stop"));
    call.send("[DONE]");
    call.end();
    await client.until(ended("slow"));
    expect(client.replies.filter(ended("slow"))).toHaveLength(1);
  });

  test.each([
    ["without an id", undefined],
    ["with the same id", "same"],
  ])("sessions %s run one after the other, as nobody could tell their replies apart", async (_, session_id) => {
    await using client = await connect<Reply>("/livellm/ws");
    const slow = ask("one two three", { pace_ms: 20 });
    client.send({ session_id, action: "agent_run_stream", payload: slow });
    client.send({ session_id, action: "agent_run_stream", payload: slow });
    client.send({ session_id, action: "agent_run", payload: ask("last") });
    const replies = await client.until(({ data }) => data.output === "last");
    expect(replies.map(({ status, data }) => data.output ?? status)).toEqual([
      ...["one", "one two", "one two three", "", "success"],
      ...["one", "one two", "one two three", "", "success"],
      "last",
    ]);
  });

  test("cancels what waits under an id, too", async () => {
    await using client = await connect<Reply>("/livellm/ws");
    client.send({ session_id: "c", action: "agent_run_stream", payload: ask("one two", { stall_after_words: 1 }) });
    client.send({ session_id: "c", action: "agent_run", payload: ask("never") });
    await client.until(({ data }) => data.output === "one");
    client.send({ session_id: "c", action: "cancel" });
    client.send({ session_id: "c", action: "agent_run", payload: ask("later") });
    const replies = await client.until(({ data }) => data.output === "later");
    expect(replies.map(({ status }) => status)).toEqual(["streaming", "error", "error", "success"]);
  });

  test("cancels a session, and its call of the provider", async () => {
    await using vendor = await startChatVendor();
    const config = { uid: "cancelled", provider: "groq", api_key: "k", base_url: vendor.baseUrl };
    await post(`${gateway.url}/livellm/providers/config`, config);
    await using client = await connect<Reply>("/livellm/ws");
    client.send({
      session_id: "c",
      action: "agent_run",
      payload: { ...ask("Hi"), provider_uid: "cancelled", gen_config: null },
    });
    const call = await vendor.nextCall();
    client.send({ session_id: "c", action: "cancel" });
    const replies = await client.until(ended("c"));
    expect(replies).toMatchObject([{ session_id: "c", status: "error" }]);
    await call.closed;
  });

  test("a client that goes away stops its sessions", async () => {
    await using vendor = await startChatVendor();
    const config = { uid: "left", provider: "groq", api_key: "k", base_url: vendor.baseUrl };
    await post(`${gateway.url}/livellm/providers/config`, config);
    const client = await connect<Reply>("/livellm/ws");
    client.send({
      session_id: "c",
      action: "agent_run",
      payload: { ...ask("Hi"), provider_uid: "left", gen_config: null },
    });
    const call = await vendor.nextCall();
    await client[Symbol.asyncDispose]();
    await call.closed;
  });

  test.each([
    ["no JSON", "{nonsense", "", "no JSON object"],
    ["no JSON, with an id to be seen", '{"session_id": "x", "payload": ]', "x", "no JSON object"],
    ["an unknown action", { session_id: "x", action: "dance", payload: {} }, "x", "agent_run_stream"],
    ["no payload", { session_id: "x", action: "agent_run" }, "x", "AgentRequest.provider_uid: Field required"],
    [
      "a payload that is wrong",
      { session_id: "x", action: "audio_speak", payload: {} },
      "x",
      "SpeakRequest.text: Field required",
    ],
  ])("answers %s, and stays open", async (_, message, id, error) => {
    await using client = await connect<Reply>("/livellm/ws");
    client.send(message);
    const [reply] = await client.until(ended(id));
    expect(reply).toMatchObject({ status: "error", data: {}, error: expect.stringContaining(error) });
    client.send({ session_id: "after", action: "agent_run", payload: ask("still here") });
    await client.until(ended("after"));
  });

  test("answers a binary message", async () => {
    await using client = await connect<Reply>("/livellm/ws");
    client.socket.send(Buffer.from([1, 2, 3]));
    expect(await client.until(ended(""))).toMatchObject([
      { status: "error", action: "", error: expect.stringMatching(/^binary messages are not taken here: send /) },
    ]);
  });

  test("an error in the middle of a stream is its one terminal message", async () => {
    await using client = await connect<Reply>("/livellm/ws");
    client.send({
      session_id: "x",
      action: "agent_run_stream",
      payload: ask("one two", { fail_after: "provider_unavailable" }),
    });
    const replies = await client.until(ended("x"));
    expect(replies.map(({ status }) => status)).toEqual(["streaming", "error"]);
  });
});

test("a server that drains lets a session end, then closes its socket, and takes no other", async () => {
  await using vendor = await startChatVendor();
  const draining = await startCompatGateway();
  const config = { uid: "slow", provider: "groq", api_key: "k", base_url: vendor.baseUrl };
  await post(`${draining.url}/livellm/providers/config`, config);
  const [idle, busy] = await Promise.all([connect<Reply>("/ws", draining.url), connect<Reply>("/ws", draining.url)]);
  busy.send({
    session_id: "s",
    action: "agent_run_stream",
    payload: { ...ask("Hi"), provider_uid: "slow", gen_config: null },
  });
  const call = await vendor.nextCall();
  const [idleClosed, busyClosed] = [once(idle.socket, "close"), once(busy.socket, "close")];
  draining.drain();
  expect((await idleClosed)[0]).toBe(1001);
  busy.send({ session_id: "late", action: "agent_run", payload: ask("Hi") });
  await busy.until(ended("late"));
  call.begin();
  call.send(chunk({ role: "assistant", content: "done" }, "stop"));
  call.send("[DONE]");
  call.end();
  expect((await busyClosed)[0]).toBe(1001);
  expect(busy.replies.filter(ended("late"))).toMatchObject([
    { status: "error", error: expect.stringContaining("shutting down") },
  ]);
  expect(busy.replies.filter(ended("s"))).toMatchObject([{ status: "success" }]);
  await expect(connect("/ws", draining.url)).rejects.toThrow("503");
  await draining[Symbol.asyncDispose]();
});

interface Result {
  readonly success?: boolean;
  readonly error?: string | null;
  readonly status?: string;
  readonly action?: string;
  readonly transcription?: string;
  readonly received_at?: string;
  readonly is_end?: boolean;
  readonly is_final?: boolean;
}

describeWith(localEngine, "the WebSocket of live transcription", () => {
  const start = { provider_uid: "local", model: "moonshine-tiny", language: "en", input_sample_rate: 16_000 };

  async function speech(text: string): Promise<Buffer> {
    const response = await fetch(`${gateway.url}/livellm/audio/speak`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        provider_uid: "local",
        model: "flite",
        text,
        voice: "slt",
        mime_type: "audio/pcm",
        sample_rate: 16_000,
      }),
    });
    return Buffer.from(await response.arrayBuffer());
  }

  test("loses no last word: the end of the audio brings what is left, then a result that says so, then 1000", async () => {
    await using client = await connect<Result>("/livellm/ws/transcription");
    const closed = once(client.socket, "close");
    client.send(start);
    await client.until(({ success }) => success === true);
    expect(client.replies[0]).toEqual({
      success: true,
      error: null,
      status: "success",
      action: "transcription_session",
      data: {},
    });
    const pcm = await speech("Hello there, how are you today?");
    for (let i = 0; i < pcm.length; i += 3200) client.send({ audio: pcm.subarray(i, i + 3200).toString("base64") });
    client.send({ nonsense: true });
    client.send({ end: true });
    const [code] = (await closed) as [number];
    const results = client.replies.slice(1);
    expect(code).toBe(1000);
    expect(results.map(({ transcription }) => transcription).join(" ")).toMatch(/hello there/i);
    expect(results.map(({ is_end }) => is_end)).toEqual([...results.slice(1).map(() => false), true]);
    expect(results[0]?.received_at).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  });

  test("tells texts that may still change when it is asked to, and takes audio as it is", async () => {
    await using client = await connect<Result>("/ws/transcription");
    client.send({ ...start, interim: true });
    await client.until(({ success }) => success === true);
    const pcm = await speech("Hello there, how are you today? I am very well, thank you.");
    for (let i = 0; i < pcm.length; i += 3200) client.socket.send(pcm.subarray(i, i + 3200));
    client.send({ is_end: true });
    const results = (await client.until(({ is_end }) => is_end === true)).filter(({ transcription }) => transcription);
    expect(results.length).toBeGreaterThan(0);
    expect(results.at(-1)?.is_final).toBe(true);
    expect(
      results
        .filter(({ is_final }) => is_final)
        .map(({ transcription }) => transcription)
        .join(" "),
    ).toMatch(/hello there.*thank you/i);
  });

  test.each([
    [
      "a provider that is not there",
      { ...start, provider_uid: "nobody" },
      "Provider config with uid 'nobody' not found",
    ],
    ["fields that are missing", { model: "x" }, "provider_uid: Field required"],
    ["a very long complaint", { ...start, provider_uid: "ü".repeat(40) }, ""],
  ])("refuses %s with a message and a close frame that fits", async (_, init, error) => {
    await using client = await connect<Result>("/livellm/ws/transcription");
    const closed = once(client.socket, "close");
    client.send(init);
    const [code, reason] = (await closed) as [number, Buffer];
    expect(client.replies).toMatchObject([{ success: false, status: "error", error: expect.stringContaining(error) }]);
    expect(code).toBe(1011);
    expect(reason.length).toBeLessThanOrEqual(123);
    expect(client.replies[0]?.error?.startsWith(String(reason))).toBe(true);
    expect(reason.length).toBeGreaterThan(20);
  });
});

test("what livellm's own recogniser can be told reaches it", async () => {
  await using asr = await startFakeAsr({ recognise: recogniseLa });
  const config = { uid: "asr", provider: "livellm", api_key: "k", base_url: asr.url };
  await post(`${gateway.url}/livellm/providers/config`, config);
  const transcribed = async (gen_config: object) => {
    await using client = await connect<Result>("/livellm/ws/transcription");
    client.send({ provider_uid: "asr", model: "gigaam", input_sample_rate: 16_000, gen_config });
    client.socket.send(tone(300, 16_000));
    client.send({ end: true });
    const replies = await client.until(({ is_end }) => is_end === true);
    return replies.flatMap(({ transcription }) => transcription || []);
  };
  expect(await transcribed({ noise_reduction_type: "near_field", dedupe: null })).toHaveLength(1);
  expect(await transcribed({ min_token_confidence: 0.95 })).toEqual([]);
});
