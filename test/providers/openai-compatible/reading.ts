import { readFileSync } from "node:fs";
import OpenAI from "openai";
import type { ChatEvent, Part } from "../../../src/core/chat.ts";
import { LivellmError } from "../../../src/core/error.ts";
import type { ServerSentEvent } from "../../../src/core/upstream.ts";
import { readServerSentEvents } from "../../../src/upstream/server-sent-events.ts";

/** A stream of a vendor's, byte for byte; `name` such as `openai/text.sse`. */
export function fixture(name: string): Buffer {
  return readFileSync(new URL(`../../fixtures/${name}`, import.meta.url));
}

/** Reads events as an adapter does. */
export type Reader = (events: AsyncIterable<ServerSentEvent>) => AsyncIterable<ChatEvent>;

export interface Reading {
  readonly events: readonly ChatEvent[];
  /** What the reader threw, after the events. */
  readonly error?: LivellmError;
}

/** Feeds a body to a reader, in pieces that end at the given offsets. */
export async function read(reader: Reader, body: Uint8Array, cuts: readonly number[] = []): Promise<Reading> {
  const events: ChatEvent[] = [];
  try {
    for await (const event of reader(readServerSentEvents(pieces(body, cuts)))) events.push(event);
    return { events };
  } catch (error) {
    if (error instanceof LivellmError) return { events, error };
    throw error;
  }
}

/** A body in pieces that end at the given offsets. */
export async function* pieces(body: Uint8Array, cuts: readonly number[]): AsyncGenerator<Uint8Array> {
  const ends = [...cuts, body.length];
  for (const [index, end] of ends.entries()) yield body.subarray(index === 0 ? 0 : ends[index - 1], end);
}

/** An answer put together: what the events of a complete one add up to. */
export interface Answer {
  readonly model: string | undefined;
  readonly parts: readonly Part[];
  readonly finished: Extract<ChatEvent, { type: "finished" }> | undefined;
}

/** Puts events together, and fails on any that break the rules of {@link ChatEvent}. */
export function assemble(events: readonly ChatEvent[]): Answer {
  const open = new Map<string, { position: number; text: string }>();
  const parts: Part[] = [];
  const heads: Extract<ChatEvent, { type: "part-started" }>[] = [];
  if (events.length > 0 && events[0]?.type !== "response") throw new Error(`begins with ${events[0]?.type}`);
  for (const event of events) {
    if (event.type === "part-started") {
      if (heads.some(({ key }) => key === event.key)) throw new Error(`key ${event.key} twice`);
      open.set(event.key, { position: parts.push({ type: "text", text: "" }) - 1, text: "" });
      heads.push(event);
    }
    if (event.type === "delta" || event.type === "part-finished") {
      const part = open.get(event.key);
      const head = heads.find(({ key }) => key === event.key)?.part;
      if (!part || !head) throw new Error(`${event.type} of ${event.key}, which is not open`);
      if (event.type === "delta") {
        if (event.text === "") throw new Error("an empty delta");
        part.text += event.text;
      } else {
        const { type: _, key, ...extras } = event;
        const written = head.type === "tool-call" ? { argumentsJson: part.text } : { text: part.text };
        parts[part.position] = { ...head, ...written, ...extras } as Part;
        open.delete(key);
      }
    }
    if (event.type === "part") parts.push(event.part);
  }
  const last = events.at(-1);
  if (last?.type === "finished" && open.size > 0) throw new Error(`finished with ${[...open.keys()]} open`);
  const begun = events[0];
  return {
    model: begun?.type === "response" ? begun.model : undefined,
    parts,
    finished: last?.type === "finished" ? last : undefined,
  };
}

export function textOf({ parts }: Answer, type: "text" | "reasoning" = "text"): string {
  return parts.map((part) => (part.type === type ? part.text : "")).join("");
}

export function callsOf({ parts }: Answer) {
  return parts
    .filter((part) => part.type === "tool-call")
    .map(({ id, name, argumentsJson }) => ({ id, name, argumentsJson }));
}

/** The official SDK, reading the given body whatever it asks for. */
export function officialSdk(body: Uint8Array, contentType = "text/event-stream"): OpenAI {
  return new OpenAI({
    apiKey: "none",
    baseURL: "http://vendor.invalid/v1",
    maxRetries: 0,
    fetch: async () => new Response(new Uint8Array(body), { headers: { "content-type": contentType } }),
  });
}
