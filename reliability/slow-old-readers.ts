import { once } from "node:events";
import type { Readable } from "node:stream";
import type { JsonObject } from "@bufbuild/protobuf";
import { readLines } from "./client-faces.ts";
import { type Asked, openPaused, openPost, type SlowCall, type SlowReader } from "./slow-readers.ts";

/** What the gateway is started with for these. */
export const oldSurfaces = { LIVELLM_SURFACES: "livellm,v1,apc,chat", SUPPORTED_PROVIDERS: "gpt,groq" };

/** Every stream of text that the older systems' surfaces have. What they say is given as events of the contract. */
export const slowOldReaders: readonly SlowReader[] = [
  {
    name: "livellm's NDJSON",
    open: (asked) => openLines(asked.url, "/livellm/agent/run_stream?delta=1", inBody(asked)),
  },
  {
    name: "v1's NDJSON",
    open: (asked) => openLines(asked.url, "/agent/run_stream", { model: "m-1", ...said }, inHeaders(asked)),
  },
  { name: "livellm's WebSocket", open: openSessions },
  {
    name: "apc's SSE",
    open: (asked) =>
      openEvents(asked.url, "/api/chat/completions", { model: `${asked.provider}/m-1`, stream: true, ...said }),
  },
  { name: "chat's SSE", providers: ["openai", "groq"], open: openChat },
];

const said = { messages: [{ role: "user", content: "Hello!" }] };

function inBody({ provider }: Asked): object {
  return { provider_uid: provider, model: "m-1", ...said };
}

function inHeaders({ baseUrl }: Asked): Readonly<Record<string, string>> {
  return { "x-provider": "openai", "x-api-key": "key-of-the-readers", "x-base-url": baseUrl };
}

function openChat({ url, provider }: Asked): Promise<SlowCall> {
  return openEvents(url, `/chat/${provider === "openai" ? "gpt" : provider}`, said);
}

function openLines(
  url: string,
  path: string,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): Promise<SlowCall> {
  return openPost(url + path, {
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
    async *read(response) {
      for await (const { output, error } of readLines(response.setEncoding("utf8")))
        yield eventOf(output, error, output === "");
    },
  });
}

/** The last item of a stream has no text. */
function eventOf(text: unknown, error: unknown, isLast: boolean): JsonObject {
  if (error) return { status: { code: `error: ${JSON.stringify(error)}` } };
  return isLast ? { status: { code: "ok" } } : { textDelta: { text: String(text ?? "") } };
}

function openEvents(url: string, path: string, body: object): Promise<SlowCall> {
  return openPost(url + path, {
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    read: readDone,
  });
}

interface OldEvent {
  readonly choices?: readonly { readonly delta: { readonly content?: string } }[];
  readonly delta?: { readonly content?: string };
  readonly error?: unknown;
}

async function* readDone(response: Readable): AsyncGenerator<JsonObject> {
  for await (const data of dataOf(response.setEncoding("utf8"))) {
    if (data === "[DONE]") yield eventOf("", undefined, true);
    else {
      const { choices, delta, error } = JSON.parse(data) as OldEvent;
      yield eventOf(choices?.[0]?.delta.content ?? delta?.content, error, false);
    }
  }
}

async function* dataOf(body: AsyncIterable<string>): AsyncGenerator<string> {
  const held: string[] = [];
  for await (const text of body) {
    const events = text.split("\n\n");
    const rest = events.pop() ?? "";
    for (const event of events) yield (held.splice(0).join("") + event).replace(/^data: /, "");
    held.push(rest);
  }
}

interface OldReply {
  readonly status: string;
  readonly data: { readonly output?: string };
  readonly error: string | null;
}

async function openSessions(asked: Asked): Promise<SlowCall> {
  const payload = { ...inBody(asked), delta: true };
  const socket = await openPaused(`${asked.url}/livellm/ws`, { session_id: "1", action: "agent_run_stream", payload });
  return {
    async *read() {
      const events: JsonObject[] = [];
      const over = Promise.withResolvers<void>();
      socket.on("message", (data) => {
        const { status, data: item, error } = JSON.parse(String(data)) as OldReply;
        events.push(eventOf(item.output, error, status === "success"));
        if (status !== "streaming") over.resolve();
      });
      socket.once("close", () => over.resolve());
      socket.resume();
      await over.promise;
      const closed = once(socket, "close");
      socket.close();
      await closed;
      yield* events;
    },
    leave: () => socket.terminate(),
  };
}
