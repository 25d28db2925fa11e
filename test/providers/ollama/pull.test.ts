import { describe, expect, test } from "vitest";
import type { ChatEvent } from "../../../src/core/chat.ts";
import { cancelled, LivellmError } from "../../../src/core/error.ts";
import { ollama } from "../../../src/providers/ollama/index.ts";
import { readPull } from "../../../src/providers/ollama/pull.ts";
import { readLines } from "../../../src/upstream/lines.ts";
import { startVendor, type VendorAnswer, type VendorServer } from "../../support/vendor-server.ts";
import { type BuiltProvider, buildProvider, runStream } from "../openai-compatible/provider.ts";
import { assemble, pieces, textOf } from "../openai-compatible/reading.ts";
import { chatRequest } from "../openai-compatible/request.ts";
import { body } from "./reading.ts";

const request = chatRequest({ model: "llama3.2" });
const { signal } = new AbortController();
const missing: VendorAnswer = { status: 404, body: ['{"error":"model \'llama3.2\' not found"}'] };
const line = (completed: number) =>
  `${JSON.stringify({ status: "pulling 6a", digest: "sha256:6a", total: 1000, completed })}\n`;
const success = '{"status":"success"}\n';

const build = (vendor: VendorServer) =>
  buildProvider(ollama, { baseUrl: vendor.url, apiKey: "k-1", settings: { pull: "missing" } });
const pullsOf = ({ calls }: VendorServer) => calls.filter(({ path }) => path === "/api/pull");

/** A vendor that has the model once one of these pulls has been sent to its end. */
async function startBareVendor(...pulls: VendorAnswer[]): Promise<VendorServer> {
  const vendor = await startVendor();
  let there = false;
  vendor.answerWith(({ path }) => {
    if (path === "/api/chat") return there ? { body: [body("text")] } : missing;
    const { body: lines = [], ...pull } = pulls.shift() ?? { status: 500 };
    return { ...pull, body: untilThere(lines, () => (there = true)) };
  });
  return vendor;
}

async function* untilThere(lines: NonNullable<VendorAnswer["body"]>, arrived: () => void) {
  for await (const piece of lines) {
    if (piece === success) arrived();
    yield piece;
  }
}

/** Lines that are sent one after the other, each when the test says so. */
function stepByStep(...lines: readonly string[]) {
  const steps = lines.map((text) => ({ text, go: Promise.withResolvers<void>() }));
  let next = 0;
  return {
    step: () => steps[next++]?.go.resolve(),
    async *[Symbol.asyncIterator]() {
      for (const { text, go } of steps) {
        await go.promise;
        yield text;
      }
    },
  };
}

/** A call that is read until it is over; `until` waits for an event of it. */
function follow({ chat }: BuiltProvider, caller: AbortSignal = signal) {
  const events: ChatEvent[] = [];
  const seen = new Map<string, PromiseWithResolvers<void>>();
  const waitFor = (note: string) => {
    const waiting = seen.get(note) ?? Promise.withResolvers<void>();
    seen.set(note, waiting);
    return waiting;
  };
  const over = (async () => {
    for await (const event of chat.stream(request, caller)) {
      events.push(event);
      if (event.type === "progress") waitFor(event.note).resolve();
    }
  })();
  over.catch(() => undefined); // the tests look at it later
  return { events, over, until: (note: string) => Promise.race([waitFor(note).promise, over]) };
}

describe("a missing model", () => {
  test("is pulled, which is told on the way, and then answers", async () => {
    const lines = stepByStep('{"status":"pulling manifest"}\n', line(414), line(1000), success);
    await using vendor = await startBareVendor({ body: lines });
    await using provider = build(vendor);
    const call = follow(provider);
    await call.until("pulling llama3.2");
    lines.step();
    lines.step();
    await call.until("pulling llama3.2, 41 %");
    lines.step();
    await call.until("pulling llama3.2, 100 %");
    lines.step();
    await call.over;
    expect(call.events.slice(0, 4)).toEqual([
      { type: "progress", note: "pulling llama3.2" },
      { type: "progress", note: "pulling llama3.2, 41 %" },
      { type: "progress", note: "pulling llama3.2, 100 %" },
      { type: "response", model: "qwen3:8b" },
    ]);
    expect(textOf(assemble(call.events.slice(3)))).toBe("Grüezi, 👋🏽 world");
    expect(vendor.calls.map(({ path }) => path)).toEqual(["/api/chat", "/api/pull", "/api/chat"]);
    expect(pullsOf(vendor)[0]?.headers.authorization).toBe("Bearer k-1");
    expect(JSON.parse(pullsOf(vendor)[0]?.body ?? "")).toEqual({ model: "llama3.2", stream: true });
  });

  test("is pulled for a whole answer, too", async () => {
    await using vendor = await startVendor();
    const whole = '{"model":"m","message":{"content":"Hello"},"done":true}';
    vendor.answerWith(({ path }) => {
      if (path === "/api/pull") return { body: [body("pull")] };
      return pullsOf(vendor).length > 0 ? { body: [whole] } : missing;
    });
    await using provider = build(vendor);
    expect(textOf(assemble(await provider.chat.generate(request, signal)))).toBe("Hello");
  });

  test("is pulled once for all who wait for it", async () => {
    const lines = stepByStep(line(10), success);
    await using vendor = await startBareVendor({ body: lines });
    await using provider = build(vendor);
    const calls = [follow(provider), follow(provider), follow(provider)];
    await Promise.all(calls.map(({ until }) => until("pulling llama3.2")));
    lines.step();
    await Promise.all(calls.map(({ until }) => until("pulling llama3.2, 1 %")));
    lines.step();
    await Promise.all(calls.map(({ over }) => over));
    for (const { events } of calls) expect(events.at(-1)).toMatchObject({ type: "finished" });
    expect(pullsOf(vendor)).toHaveLength(1);
  });

  test("does not hold up those who call another model", async () => {
    await using vendor = await startVendor();
    vendor.answerWith(({ path, body: sent }) => {
      if (path === "/api/pull") return { ending: "hang" };
      return sent.includes("llama3.2") ? missing : { body: [body("text")] };
    });
    await using provider = build(vendor);
    await follow(provider).until("pulling llama3.2");
    const { error } = await runStream(provider.chat, { ...request, model: "qwen3:8b" });
    expect(error).toBeUndefined();
  });

  test("goes on being pulled while anybody waits; the last who leaves closes the socket", async () => {
    const lines = stepByStep(line(10), line(500), success);
    await using vendor = await startBareVendor({ body: lines });
    await using provider = build(vendor);
    const [first, second] = [new AbortController(), new AbortController()];
    const [one, two] = [follow(provider, first.signal), follow(provider, second.signal)];
    lines.step();
    await Promise.all([one, two].map(({ until }) => until("pulling llama3.2, 1 %")));
    first.abort(cancelled());
    await expect(one.over).rejects.toMatchObject({ code: "canceled" });
    lines.step();
    await two.until("pulling llama3.2, 50 %");
    second.abort(cancelled());
    await expect(two.over).rejects.toMatchObject({ code: "canceled" });
    expect(await pullsOf(vendor)[0]?.closed).toMatchObject({ complete: false });
  });

  test("closes the socket, too, when the reader just stops, and is pulled anew for the next", async () => {
    await using vendor = await startBareVendor({ body: [line(10)], ending: "hang" }, { body: [success] });
    await using provider = build(vendor);
    for await (const event of provider.chat.stream(request, signal)) {
      if (event.type === "progress" && event.note.includes("%")) break;
    }
    expect(await pullsOf(vendor)[0]?.closed).toMatchObject({ complete: false });
    expect((await runStream(provider.chat, request)).events.at(-1)).toMatchObject({ type: "finished" });
    expect(pullsOf(vendor)).toHaveLength(2);
  });

  test("that the library does not have is not found; the next call tries again", async () => {
    const error = '{"error":"pull model manifest: file does not exist"}\n';
    await using vendor = await startBareVendor({ body: [error] }, { body: [success] });
    await using provider = build(vendor);
    const failed = (await runStream(provider.chat, request)).error;
    expect(failed).toMatchObject({ code: "not_found", reason: "model_not_found" });
    expect(failed?.message).toContain("library has no model llama3.2");
    expect((await runStream(provider.chat, request)).error).toBeUndefined();
  });

  test.each<[string, VendorAnswer, object]>([
    ["breaks off", { body: [line(10)] }, { code: "unavailable", reason: "stream_broken" }],
    ["is cut", { body: [line(10)], ending: "reset" }, { code: "unavailable", reason: "stream_broken" }],
    ["fails", { body: ['{"error":"max retries exceeded: EOF"}\n'] }, { code: "unavailable" }],
    ["is refused", { status: 401, body: ['{"error":"unauthorized"}'] }, { reason: "provider_auth" }],
  ])("whose pull %s is an error, and no answer", async (_, pull, expected) => {
    await using vendor = await startBareVendor(pull);
    await using provider = build(vendor);
    const { events, error } = await runStream(provider.chat, request);
    expect(error).toMatchObject(expected);
    expect(events.every(({ type }) => type === "progress")).toBe(true);
  });

  test("that is still missing after its pull is an error, not another pull", async () => {
    await using vendor = await startVendor();
    vendor.answerWith(({ path }) => (path === "/api/pull" ? { body: [success] } : missing));
    await using provider = build(vendor);
    expect((await runStream(provider.chat, request)).error).toMatchObject({ reason: "model_not_found" });
    expect(pullsOf(vendor)).toHaveLength(1);
  });
});

describe("progress", () => {
  const notesOf = async (bytes: Uint8Array, cuts: readonly number[] = []) => {
    const notes: string[] = [];
    try {
      for await (const note of readPull(readLines(pieces(bytes, cuts)), "m")) notes.push(note);
      return { notes, error: undefined };
    } catch (error) {
      if (error instanceof LivellmError) return { notes, error };
      throw error;
    }
  };

  test("never goes back, and names what is done in the end", async () => {
    const { notes, error } = await notesOf(body("pull"));
    expect(error).toBeUndefined();
    expect(notes).toEqual([
      "pulling m",
      "pulling m, 0 %",
      "pulling m, 41 %",
      "pulling m, 41 %",
      "pulling m, 100 %",
      "pulling m, 100 %",
      "pulling m, 100 %",
      "pulling m: verifying sha256 digest",
      "pulling m: writing manifest",
    ]);
  });

  test("is the same cut at every byte, and broken when it ends there", async () => {
    const bytes = body("pull");
    const whole = await notesOf(bytes);
    for (let at = 1; at < bytes.length - 1; at++) {
      expect(await notesOf(bytes, [at]), `cut at ${at}`).toEqual(whole);
      expect((await notesOf(bytes.subarray(0, at))).error, `ends at ${at}`).toMatchObject({ reason: "stream_broken" });
    }
  });
});
