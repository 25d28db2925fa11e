import { isDeepStrictEqual } from "node:util";
import type { Caller } from "../gateway.ts";
import { jsonLine } from "../json-text.ts";
import type { MessageSocket } from "../message-socket.ts";
import type { SurfaceOptions } from "../surface.ts";
import { type LiveMessage, readLiveMessage } from "./gemini-live-message.ts";
import { GeminiLiveSession } from "./gemini-live-session.ts";
import { type LiveSettings, usualSettings, withConfig } from "./gemini-live-settings.ts";

/**
 * Serves one live session in this system's words: text in and out, PCM in, and PCM out where the client's `config` asks for
 * it. A `config` that changes how the model is asked opens the session anew, with what was said before.
 */
export async function serveGeminiLive(client: MessageSocket, caller: Caller, options: SurfaceOptions): Promise<void> {
  const live = new GeminiLive(client, caller, options);
  try {
    await live.serve();
  } finally {
    await live.close();
  }
}

class GeminiLive {
  readonly #client: MessageSocket;
  readonly #caller: Caller;
  readonly #options: SurfaceOptions;
  #settings: LiveSettings;
  #session: GeminiLiveSession;

  constructor(client: MessageSocket, caller: Caller, options: SurfaceOptions) {
    this.#client = client;
    this.#caller = caller;
    this.#options = options;
    this.#settings = usualSettings(options.liveModels);
    this.#session = this.#open();
  }

  async serve(): Promise<void> {
    await this.#session.opened;
    for await (const message of this.#client.messages) await this.#take(readLiveMessage(message));
  }

  async close(): Promise<void> {
    await this.#session.close();
  }

  async #take(message: LiveMessage): Promise<void> {
    switch (message.type) {
      case "config":
        return await this.#configure(withConfig(this.#settings, message.fields));
      case "audio":
        await this.#reopenFor({ ...this.#settings, sampleRateHertz: message.sampleRateHertz });
        return await this.#say({ case: "audio", value: { data: message.data } });
      case "text":
        return await this.#say({ case: "text", value: { text: message.text } });
      case "end-turn":
        return await this.#say({ case: "endTurn", value: {} });
      case "interrupt":
        return await this.#say({ case: "interrupt", value: {} });
      case "unusable":
        return await this.#client.send(jsonLine({ type: message.kind, data: message.why }));
      case "unknown":
        return;
      default:
        return message satisfies never;
    }
  }

  async #configure(settings: LiveSettings): Promise<void> {
    await this.#reopenFor(settings);
    const { remoteAddress: ip } = this.#caller;
    const acknowledged = { message: "Configuration acknowledged", client_id: settings.caller.clientId || ip, ip };
    await this.#client.send(jsonLine({ type: "config_success", ...acknowledged }));
  }

  /** A session that nobody has used for long has been ended: what is said now opens another. */
  async #say(input: Parameters<GeminiLiveSession["say"]>[0]): Promise<void> {
    if (this.#session.idle) await this.#reopen();
    await this.#session.say(input);
  }

  async #reopenFor(settings: LiveSettings): Promise<void> {
    if (isDeepStrictEqual(settings, this.#settings)) return;
    this.#settings = settings;
    await this.#reopen();
  }

  async #reopen(): Promise<void> {
    await this.#session.close();
    this.#session = this.#open(this.#session);
    await this.#session.opened;
  }

  #open(before?: GeminiLiveSession): GeminiLiveSession {
    return new GeminiLiveSession(
      { client: this.#client, caller: this.#caller, surface: this.#options, settings: this.#settings },
      before,
    );
  }
}
