import type { InputAudioBufferAppendEvent, SessionUpdateEvent } from "openai/resources/realtime/realtime";
import type { JsonObject } from "../../core/json.ts";
import type { ProviderConnection } from "../../core/provider.ts";
import type { Upstream, UpstreamSocket } from "../../core/upstream.ts";
import { audioHere, audioWriter } from "../openai-compatible/audio-message.ts";
import { dialects } from "../openai-compatible/dialects.ts";
import { requestHeaders } from "../openai-compatible/endpoint.ts";
import { explainOpenAIError, streamError } from "../openai-compatible/error.ts";
import { object, text } from "../openai-compatible/json-fields.ts";
import { writeJson } from "../openai-compatible/json-text.ts";
import { closedTooSoon, handshakeHeaders, readMessage, toSocketUrl } from "../openai-compatible/realtime-socket.ts";

/** A session that the vendor has accepted. */
export interface RealtimeSession {
  readonly id: string | undefined;
  /** What the server says next, one JSON object at a time. Ends when it closes, whatever the code. */
  readonly events: AsyncIterator<JsonObject>;
  send(event: object): Promise<void>;
  /** Adds audio to the server's buffer. */
  append(audio: Uint8Array): Promise<void>;
  /** The error when it closed before it had sent what `missing` names. */
  closedBefore(missing: string): ReturnType<typeof closedTooSoon>;
}

/** Opens the socket of a Realtime session. `query` names the model, or the intent. */
export function openRealtime(
  upstream: Upstream,
  connection: ProviderConnection,
  call: { readonly query: Readonly<Record<string, string>>; readonly requestId: string },
): (signal: AbortSignal) => Promise<UpstreamSocket> {
  const request = {
    url: toSocketUrl(`${connection.baseUrl}/realtime`, call.query),
    headers: handshakeHeaders(requestHeaders(connection, dialects.openai, call.requestId)),
    explain: explainOpenAIError,
  };
  return (signal) => upstream.socket(request, signal);
}

/**
 * Configures a session, and waits until the server says that it has. Throws what the server refuses it with. The update goes
 * out at once, without waiting for `session.created`: the server keeps to the order.
 */
export async function startSession(socket: UpstreamSocket, session: object): Promise<RealtimeSession> {
  const events = readEvents(socket);
  const send = (event: object) => socket.send(writeJson(event));
  const append = (audio: Uint8Array) => socket.sendText(toAppendEvent(audio));
  await send({ type: "session.update", session: session as SessionUpdateEvent["session"] });
  let id: string | undefined;
  for (;;) {
    const { done, value: event } = await events.next();
    if (done) throw await closedTooSoon(socket, "session.updated");
    if (event.type === "error") throw streamError(object(event.error), id);
    id = text(object(event.session).id) || id;
    if (event.type !== "session.updated") continue;
    return { id, events, send, append, closedBefore: (missing) => closedTooSoon(socket, missing) };
  }
}

const toAppendEvent = audioWriter({
  type: "input_audio_buffer.append",
  audio: audioHere,
} satisfies InputAudioBufferAppendEvent);

async function* readEvents(socket: UpstreamSocket): AsyncGenerator<JsonObject> {
  for await (const message of socket.messages) yield readMessage(message);
}
