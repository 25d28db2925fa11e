import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { Chat, ChatEvent } from "../../src/core/chat.ts";
import { cancelled } from "../../src/core/error.ts";
import type { JsonObject } from "../../src/core/json.ts";
import type { ProviderKind } from "../../src/core/provider.ts";
import { startVendor, type VendorAnswer } from "../support/vendor-server.ts";
import { type BuiltProvider, buildProvider, runStream } from "./openai-compatible/provider.ts";
import { assemble, textOf } from "./openai-compatible/reading.ts";
import { chatRequest, user } from "./openai-compatible/request.ts";

/** What a kind has to show of its vendor's protocol; everything is bytes as the vendor sends them. */
export interface ChatContract {
  readonly kind: ProviderKind;
  readonly settings?: JsonObject;
  readonly model: string;
  /** A whole streamed answer, and the text it comes to. */
  readonly answer: Uint8Array;
  readonly text: string;
  /** Status 200 and an error, before any output and after some. */
  readonly errorFirst: Uint8Array;
  readonly errorInside: Uint8Array;
  /** What a stream of text begins with, before its first piece; empty where there is nothing. */
  readonly head: string;
  /** One more piece of text in a stream. */
  readonly piece: (text: string) => string;
  /** The body of an HTTP error. */
  readonly refusal: (message: string) => string;
  /** An option that the adapter sets itself. */
  readonly reservedOption: string;
}

const key = "sk-contract-0123456789";

/** What every adapter of a vendor that chats must do, whatever its protocol. */
export function describeChatContract(contract: ChatContract): void {
  const request = chatRequest({ model: contract.model, messages: [user({ type: "text", text: "Hi" })] });
  const begun = (...texts: readonly string[]) => [contract.head, ...texts.map(contract.piece)].join("");
  const build = (baseUrl: string) =>
    buildProvider(contract.kind, { baseUrl, apiKey: key, settings: contract.settings });
  const failureOf = async (answer: VendorAnswer) => {
    await using vendor = await startVendor(answer);
    await using provider = build(vendor.url);
    return await runStream(provider.chat, request);
  };

  describe(`the kind ${contract.kind.kind}${settingsOf(contract)}`, () => {
    test("gives a whole answer, and says that it is finished", async () => {
      const { events, error } = await failureOf({ body: [contract.answer] });
      expect(error).toBeUndefined();
      const answer = assemble(events);
      expect(textOf(answer)).toBe(contract.text);
      expect(answer.finished).toMatchObject({ finishReason: "stop", usage: { outputTokens: expect.any(Number) } });
    });

    test("throws an error that comes before the first part, and yields no part", async () => {
      const { events, error } = await failureOf({ body: [contract.errorFirst] });
      expect(error).toBeDefined();
      expect(error?.reason).not.toBe("stream_broken");
      expect(events.filter(isOutput)).toEqual([]);
    });

    test("throws an error that comes later, after the text so far", async () => {
      const { events, error } = await failureOf({ body: [contract.errorInside] });
      expect(error).toBeDefined();
      expect(error?.reason).not.toBe("stream_broken");
      expect(events.some(({ type }) => type === "delta")).toBe(true);
      expect(events.some(({ type }) => type === "finished")).toBe(false);
    });

    test.each(["end", "close", "reset"] as const)("takes a body's %s in the middle for no end", async (ending) => {
      const { events, error } = await failureOf({ body: [begun("Hal")], ending });
      expect(error).toMatchObject({ code: "unavailable", reason: "stream_broken" });
      expect(events.some(({ type }) => type === "finished")).toBe(false);
    });

    test("is told to wait by a 429 and its Retry-After", async () => {
      const body = [contract.refusal("Slow down")];
      const { events, error } = await failureOf({ status: 429, headers: { "retry-after": "7" }, body });
      expect(events).toEqual([]);
      expect(error).toMatchObject({ code: "resource_exhausted", facts: { httpStatus: 429, retryAfterMs: 7000 } });
      expect(error?.message).toContain("Slow down");
    });

    test("takes a 401 for the provider's key, which it does not show", async () => {
      const { error } = await failureOf({ status: 401, body: [contract.refusal(`Incorrect API key: ${key}`)] });
      expect(error).toMatchObject({ code: "failed_precondition", reason: "provider_auth" });
      expect(error?.message).toContain("Incorrect API key");
      expect(error?.message).not.toContain("0123456789");
    });

    test("takes a 503 that explains nothing for trouble at the vendor's", async () => {
      const { error } = await failureOf({ status: 503, body: ["<html>Service Unavailable</html>"] });
      expect(error).toMatchObject({ code: "unavailable", reason: "provider_unavailable" });
      expect(error?.message).not.toContain("<html>");
    });

    test.each(["<html>Welcome!</html>\n", "", "\0\x01\x02\xff"])("makes no answer of the body %j", async (garbage) => {
      const { events, error } = await failureOf({ body: [garbage] });
      expect(["bad_provider_response", "stream_broken"]).toContain(error?.reason);
      expect(events.filter(isOutput)).toEqual([]);
    });

    test("refuses an option that it sets itself, and calls nobody", async () => {
      await using vendor = await startVendor();
      await using provider = build(vendor.url);
      const options = { [contract.reservedOption]: null };
      const { error } = await runStream(provider.chat, { ...request, options });
      expect(error).toMatchObject({
        code: "invalid_argument",
        facts: { violations: [{ field: `route.targets[].options.${contract.reservedOption}`, reason: "CONFLICT" }] },
      });
      expect(vendor.calls).toEqual([]);
    });

    test("closes the vendor's socket when the caller leaves before an answer begins", async () => {
      await using vendor = await startBareVendor();
      await using provider = build(vendor.url);
      const abort = new AbortController();
      const reading = runToAbort(provider, abort.signal);
      await vendor.called;
      abort.abort(cancelled());
      await expect(reading).rejects.toMatchObject({ code: "canceled" });
      await vendor.left;
    });

    test("closes it before the first part", async () => {
      await using vendor = await startVendor({ ending: "hang" });
      await using provider = build(vendor.url);
      const abort = new AbortController();
      const called = vendor.nextCall();
      const reading = runToAbort(provider, abort.signal);
      const call = await called;
      abort.abort(cancelled());
      await expect(reading).rejects.toMatchObject({ code: "canceled" });
      expect(await call.closed).toMatchObject({ complete: false });
    });

    test("closes it in the middle of an answer", async () => {
      await using vendor = await startVendor({ body: [begun("Half ", "an ")], ending: "hang" });
      await using provider = build(vendor.url);
      const abort = new AbortController();
      const reading = runToAbort(provider, abort.signal, ({ type }) => type === "delta" && abort.abort(cancelled()));
      await expect(reading).rejects.toMatchObject({ code: "canceled" });
      expect(await vendor.calls[0]?.closed).toMatchObject({ complete: false });
    });

    test("closes it when the reader stops reading", async () => {
      await using vendor = await startVendor({ body: [begun("Half ", "an ")], ending: "hang" });
      await using provider = build(vendor.url);
      for await (const event of provider.chat.stream(request, new AbortController().signal)) {
        if (event.type === "delta") break;
      }
      expect(await vendor.calls[0]?.closed).toMatchObject({ complete: false });
    });

    test("lets a slow reader slow the vendor, and goes on when it does", async () => {
      const pouring = pour(contract);
      await using vendor = await startBareVendor((response) => void pouring.into(response));
      await using provider = build(vendor.url);
      const abort = new AbortController();
      const reader = new SlowReader(provider.chat.stream(request, abort.signal));
      await reader.readDeltas(2);
      expect(await pouring.untilBlocked(), "the vendor was never stopped").toBe(true);
      const before = pouring.pieces();
      expect(before * pieceBytes).toBeLessThan(heldBytes);
      await reader.readDeltas(before + 64);
      expect(pouring.pieces()).toBeGreaterThan(before);
      abort.abort(cancelled());
    });

    async function runToAbort(
      { chat }: BuiltProvider,
      signal: AbortSignal,
      seen: (event: ChatEvent) => unknown = () => undefined,
    ): Promise<void> {
      for await (const event of chat.stream(request, signal)) seen(event);
    }
  });
}

function settingsOf({ settings }: ChatContract): string {
  return settings ? ` with ${JSON.stringify(settings)}` : "";
}

/** A part, or a piece of one: what commits an attempt. */
function isOutput({ type }: ChatEvent): boolean {
  return type === "part-started" || type === "delta" || type === "part";
}

interface BareVendor extends AsyncDisposable {
  readonly url: string;
  /** Resolves when a call has come in. */
  readonly called: Promise<void>;
  /** Resolves when its connection is closed. */
  readonly left: Promise<void>;
}

/** A vendor that takes one call and does with it what it is told to: not even a head is sent by itself. */
async function startBareVendor(answer: (response: ServerResponse) => void = () => undefined): Promise<BareVendor> {
  const called = Promise.withResolvers<void>();
  const left = Promise.withResolvers<void>();
  const server = createServer((request, response) => {
    response.once("close", () => left.resolve());
    request.resume().once("end", () => {
      called.resolve();
      answer(response);
    });
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    called: called.promise,
    left: left.promise,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const mebibyte = 1024 * 1024;
const pieceBytes = 64 * 1024;
/** What the vendor would send if nobody stopped it, and what sockets and programs may hold of it. */
const offeredBytes = 256 * mebibyte;
const heldBytes = 32 * mebibyte;
/** How long the vendor has to be unable to send before we believe that it is stopped. */
const silenceMs = 400;

/** An answer of a quarter of a gibibyte, sent as fast as it is taken. */
function pour({ head, piece }: ChatContract) {
  const next = Buffer.from(piece("x".repeat(pieceBytes)));
  let pieces = 0;
  return {
    async into(response: ServerResponse): Promise<void> {
      response.write(head);
      for (; pieces * pieceBytes < offeredBytes && !response.destroyed; pieces++) {
        if (!response.write(next)) await drained(response);
      }
    },
    /** How many have been taken. */
    pieces: () => pieces,
    /** False when all that is offered was taken. */
    async untilBlocked(): Promise<boolean> {
      for (let seen = -1; pieces !== seen; await wait(silenceMs)) seen = pieces;
      return pieces * pieceBytes < offeredBytes;
    },
  };
}

/** Resolves when the connection takes more, or is closed. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off("drain", done).off("close", done);
      resolve();
    };
    response.on("drain", done).on("close", done);
  });
}

/** Reads no further than it is told to. */
class SlowReader {
  readonly #events: AsyncIterator<ChatEvent>;

  constructor(events: ReturnType<Chat["stream"]>) {
    this.#events = events[Symbol.asyncIterator]();
  }

  async readDeltas(count: number): Promise<void> {
    for (let deltas = 0; deltas < count; ) {
      const { done, value } = await this.#events.next();
      if (done) throw new Error("the answer is over");
      if (value.type === "delta") deltas++;
    }
  }
}
