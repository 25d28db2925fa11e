import type { Caller } from "../gateway.ts";
import { httpErrorOf } from "../http-error.ts";
import { isJsonObject, type JsonObject } from "../json.ts";
import { jsonLine } from "../json-text.ts";
import type { MessageSocket } from "../message-socket.ts";
import { Rejected } from "../rejected.ts";
import type { SpokenAudio } from "../speech.ts";
import type { SurfaceOptions } from "../surface.ts";
import { type Actions, createActions } from "./actions.ts";
import { SessionOrder, type Turn } from "./session-order.ts";

const actionNames = ["agent_run", "agent_run_stream", "audio_speak", "audio_speak_stream", "audio_transcribe"] as const;
type ActionName = (typeof actionNames)[number];

/** One request on the socket. */
interface Session {
  /** As it came, whatever it is; undefined when it did not. */
  readonly id: unknown;
  readonly action: string;
  readonly payload: unknown;
  /** What is wrong with a message that cannot be read. */
  readonly unreadable?: string;
}

/** What an action brings: items with `streaming`, then one terminal message. */
type Result = { readonly last: object } | { readonly items: AsyncIterable<object> };

/** How many sessions of one socket may be open at a time. */
const maxSessions = 256;

/**
 * Serves livellm's multiplexed WebSocket: each message is a session of its own, and sessions run side by side. A session ends with
 * exactly one `success` or `error`. A message that nobody can read is answered, and the socket stays open. The action
 * `cancel` with the id of a session ends that session with an error.
 */
export async function serveSessions(client: MessageSocket, caller: Caller, options: SurfaceOptions): Promise<void> {
  const sessions = new Sessions(client, caller, options);
  const closeIfIdle = () => sessions.closeIfIdle();
  options.drain.addEventListener("abort", closeIfIdle);
  try {
    for await (const message of client.messages) await sessions.take(message);
    // The client is gone: what still runs sees its signal aborted.
  } finally {
    options.drain.removeEventListener("abort", closeIfIdle);
  }
}

class Sessions {
  readonly #client: MessageSocket;
  readonly #caller: Caller;
  readonly #options: SurfaceOptions;
  readonly #actions: Actions;
  readonly #order = new SessionOrder();
  #count = 0;

  constructor(client: MessageSocket, caller: Caller, options: SurfaceOptions) {
    this.#client = client;
    this.#caller = caller;
    this.#options = options;
    this.#actions = createActions(options.gateway);
  }

  async take(message: string | Uint8Array): Promise<void> {
    const session = readSession(message);
    if (session.action === "cancel") this.#order.cancel(session.id, sessionCancelled());
    else if (this.#count >= maxSessions)
      await this.#fail(session, new Rejected(400, "too many sessions at once"), this.#client.signal);
    else if (this.#options.drain.aborted) await this.#fail(session, this.#options.drain.reason, this.#client.signal);
    else void this.#run(session);
  }

  /** A server that drains waits for sessions, and not for sockets. */
  closeIfIdle(): void {
    if (this.#count === 0) this.#client.close(1001, "the server is shutting down");
  }

  async #run(session: Session): Promise<void> {
    this.#count += 1;
    using turn = this.#order.enter(session.id, this.#client.signal);
    try {
      await this.#perform(session, turn);
    } catch (error) {
      await this.#fail(session, error, turn.signal);
    } finally {
      this.#count -= 1;
      if (this.#options.drain.aborted) this.closeIfIdle();
    }
  }

  async #perform(session: Session, { come, signal }: Turn): Promise<void> {
    await come;
    signal.throwIfAborted();
    const result = await perform(this.#actions, session, { ...this.#caller, signal });
    if ("last" in result) return this.#send(session, "success", result.last);
    for await (const item of result.items) await this.#send(session, "streaming", item);
    await this.#send(session, "success", {});
  }

  #send(
    session: Session,
    status: "streaming" | "success" | "error",
    data: object,
    error: string | null = null,
  ): Promise<void> {
    const { id, action } = session;
    return this.#client.send(jsonLine({ ...(id !== undefined && { session_id: id }), status, action, data, error }));
  }

  #fail(session: Session, error: unknown, signal: AbortSignal): Promise<void> {
    const { message } = httpErrorOf(error, this.#caller.requestId, this.#options.explainError, signal);
    return this.#send(session, "error", {}, message);
  }
}

function sessionCancelled(): Rejected {
  return new Rejected(400, "the session was cancelled");
}

async function perform(actions: Actions, session: Session, caller: Caller): Promise<Result> {
  const { action, payload, unreadable } = session;
  if (unreadable) throw new Rejected(400, unreadable);
  const name = actionNames.find((known) => known === action);
  if (!name)
    throw new Rejected(
      400,
      `there is no action ${JSON.stringify(action.slice(0, 64))}; there are: ${actionNames.join(", ")}`,
    );
  return known(actions, name, payload, caller);
}

async function known(actions: Actions, name: ActionName, payload: unknown, caller: Caller): Promise<Result> {
  switch (name) {
    case "agent_run":
      return { last: await actions.agentRun(payload, caller) };
    case "agent_run_stream":
      return { items: actions.agentStream(payload, caller, isJsonObject(payload) && payload.delta === true) };
    case "audio_speak":
      return { last: encoded(await actions.speak(payload, caller)) };
    case "audio_speak_stream":
      return { items: encodedAll(actions.speakStream(payload, caller)) };
    case "audio_transcribe":
      return { last: await actions.transcribe(payload, caller) };
  }
}

function encoded({ audio, mimeType, sampleRate }: SpokenAudio): object {
  return { audio: Buffer.from(audio).toString("base64"), content_type: mimeType, sample_rate: sampleRate };
}

async function* encodedAll(pieces: AsyncIterable<SpokenAudio>): AsyncGenerator<object> {
  for await (const piece of pieces) yield encoded(piece);
}

const shape = '{"session_id": "…", "action": "…", "payload": {…}}';

/** Reads a message. What cannot be read becomes a session that fails, and is answered as such. */
function readSession(message: string | Uint8Array): Session {
  const unreadable = (id: string, what: string) => ({
    id,
    action: "",
    payload: {},
    unreadable: `${what}: send ${shape}`,
  });
  if (typeof message !== "string") return unreadable("", "binary messages are not taken here");
  const value = parsed(message);
  if (!value) return unreadable(idIn(message), "the message is no JSON object");
  const { session_id: id, action, payload } = value;
  return { id, action: typeof action === "string" ? action : "", payload: payload ?? {} };
}

function parsed(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The id in a text that is not quite JSON, so that the error reaches its session. */
function idIn(text: string): string {
  return /"session_id"\s*:\s*"([^"\\]*)"/.exec(text)?.[1] ?? "";
}
