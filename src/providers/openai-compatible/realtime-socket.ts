import { LivellmError } from "../../core/error.ts";
import { isJsonObject, type JsonObject } from "../../core/json.ts";
import type { Upstream, UpstreamSocket } from "../../core/upstream.ts";
import { linkedController } from "../../streams/signals.ts";
import { unreadableAnswer } from "./broken-stream.ts";

/**
 * Opens a vendor's WebSocket and yields what `use` makes of it. The socket is closed when `use` ends, and cut when it fails,
 * when its reader leaves, and as soon as `signal` aborts.
 */
export async function* withSocket<Event>(
  open: (signal: AbortSignal) => ReturnType<Upstream["socket"]>,
  use: (socket: UpstreamSocket) => AsyncIterable<Event>,
  signal: AbortSignal,
): AsyncGenerator<Event> {
  using life = linkedController(signal);
  let complete = false;
  try {
    const socket = await open(life.signal);
    yield* use(socket);
    complete = true;
    socket.close();
    await ignoreTheRest(socket);
  } finally {
    if (!complete) life.abort(over);
  }
}

/** What nobody reads would pause the socket, and the vendor's own close with it. */
async function ignoreTheRest({ messages }: UpstreamSocket): Promise<void> {
  await messages[Symbol.asyncIterator]().return?.();
}

/** Nobody sees it: who cuts the socket has gone, or has an error of his own. */
const over = new LivellmError("canceled", "cancelled", "the session is over");

/** An address of HTTP as one of WebSocket: host, port and path stay. What has no value is left out of the query. */
export function toSocketUrl(
  url: string,
  query: Readonly<Record<string, string | number | boolean | readonly string[] | undefined>> = {},
): string {
  const address = new URL(url.replace(/^http/i, "ws"));
  for (const [name, value] of Object.entries(query)) {
    for (const item of Array.isArray(value) ? value : [value]) {
      if (item !== undefined) address.searchParams.append(name, String(item));
    }
  }
  return address.href;
}

/** The headers of a handshake: those of a request, without the form of a body it does not have. */
export function handshakeHeaders({ "content-type": _, ...headers }: Readonly<Record<string, string>>) {
  return headers;
}

/** A message of a vendor's as a JSON object. Throws `bad_provider_response` when it is none. */
export function readMessage(message: string | Uint8Array): JsonObject {
  const text = typeof message === "string" ? message : Buffer.from(message).toString("utf8");
  const value = parse(text);
  if (!isJsonObject(value)) throw unreadableAnswer("a message that is not a JSON object");
  return value;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw unreadableAnswer("a message that is not JSON", cause);
  }
}

/** The vendor closed, with whatever code, before it had sent what `missing` names. */
export async function closedTooSoon(socket: UpstreamSocket, missing: string): Promise<LivellmError> {
  const { code, reason } = await socket.closed;
  const said = reason === "" ? `${code}` : `${code}: ${reason}`;
  const message = `the provider closed the WebSocket before ${missing} (${said})`;
  return new LivellmError("unavailable", "stream_broken", message, { providerCode: String(code) });
}
