import type { LivellmError } from "../../core/error.ts";
import type { JsonObject } from "../../core/json.ts";
import type { ProviderConnection } from "../../core/provider.ts";
import type { TextMessage, Upstream, UpstreamSocket } from "../../core/upstream.ts";
import { object, text } from "../openai-compatible/json-fields.ts";
import { writeJson } from "../openai-compatible/json-text.ts";
import { closedTooSoon, readMessage } from "../openai-compatible/realtime-socket.ts";
import { liveUrl, requestHeaders } from "./endpoint.ts";
import { errorOf, explainGoogleError, socketRefused, streamError } from "./error.ts";

/** A session of the Live API that the server has taken. */
export interface LiveSocket {
  /** The server's name for it; empty when it has none. */
  readonly id: string;
  /** What the server says next. Ends when it closes, whatever the code. */
  readonly messages: AsyncIterator<JsonObject>;
  send(message: object): Promise<void>;
  sendText(json: TextMessage): Promise<void>;
  /** The error when it closed before it had sent what `missing` names. */
  closedBefore(missing: string): Promise<LivellmError>;
}

/** Opens the socket of a session. */
export function openLive(
  connection: ProviderConnection,
  upstream: Upstream,
): (signal: AbortSignal) => Promise<UpstreamSocket> {
  const handshake = { url: liveUrl(connection), headers: requestHeaders(connection), explain: explainGoogleError };
  return (signal) => upstream.socket(handshake, signal);
}

/** Sends the first message, and waits until the server has taken the session. Throws what it refuses it with. */
export async function setUp(socket: UpstreamSocket, setup: object): Promise<LiveSocket> {
  const messages = readMessages(socket);
  const send = (message: object) => socket.send(writeJson(message));
  await send({ setup });
  const id = await untilSetUp(socket, messages);
  return {
    id,
    messages,
    send,
    sendText: (json) => socket.sendText(json),
    closedBefore: (missing) => closedTooSoon(socket, missing),
  };
}

/** The server sends JSON in binary messages. */
async function* readMessages(socket: UpstreamSocket): AsyncGenerator<JsonObject> {
  for await (const message of socket.messages) yield readMessage(message);
}

/** Gives the session's id, if it has one. */
async function untilSetUp(socket: UpstreamSocket, messages: AsyncIterator<JsonObject>): Promise<string> {
  for (;;) {
    const { done, value } = await messages.next();
    if (done) {
      const { code, reason } = await socket.closed;
      throw reason === "" ? await closedTooSoon(socket, "setupComplete") : socketRefused(code, reason);
    }
    const error = errorOf(value);
    if (error) throw streamError(error);
    if (value.setupComplete) return text(object(value.setupComplete).sessionId);
  }
}
