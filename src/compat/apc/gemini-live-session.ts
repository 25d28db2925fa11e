import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorDetailSchema } from "../../../gen/livellm/v1/error_pb.ts";
import {
  type ConverseRequestSchema,
  type ConverseResponse,
  LiveService,
} from "../../../gen/livellm/v1/live_service_pb.ts";
import type { MessageSchema } from "../../../gen/livellm/v1/message_pb.ts";
import { LivellmError } from "../../core/error.ts";
import { Outbox } from "../../streams/outbox.ts";
import { type LinkedController, linkedController } from "../../streams/signals.ts";
import type { Caller } from "../gateway.ts";
import { httpErrorOf } from "../http-error.ts";
import { jsonLine } from "../json-text.ts";
import type { MessageSocket } from "../message-socket.ts";
import type { SurfaceOptions } from "../surface.ts";
import { reasonOf } from "./completion.ts";
import { type LiveSettings, spokenRateHertz, startOf } from "./gemini-live-settings.ts";

type Request = MessageInitShape<typeof ConverseRequestSchema>;
type Message = MessageInitShape<typeof MessageSchema>;
type Event = ConverseResponse["event"];

export interface GeminiLiveOptions {
  readonly client: MessageSocket;
  readonly caller: Caller;
  readonly surface: SurfaceOptions;
  readonly settings: LiveSettings;
}

/** Messages of the client's that wait for the model before the client has to. */
const waiting = 32;

/** So many messages are given to a session that follows another. */
const remembered = 40;

const over = new LivellmError("canceled", "cancelled", "the live session is over");

/** One conversation with the gateway, told in this system's words. */
export class GeminiLiveSession {
  /** Resolves when it is accepted, or has failed. */
  readonly opened: Promise<void>;
  readonly #options: GeminiLiveOptions;
  readonly #life: LinkedController;
  readonly #input = new Outbox<Request>(waiting);
  readonly #told: Promise<void>;
  readonly #open = Promise.withResolvers<void>();
  /** What was said, in words, oldest first. */
  readonly #messages: Message[];
  readonly #isFirst: boolean;
  #answer = "";
  #idle = false;

  /** `before`: the session that this one follows. */
  constructor(options: GeminiLiveOptions, before: GeminiLiveSession | undefined) {
    this.#options = options;
    this.opened = this.#open.promise;
    this.#isFirst = before === undefined;
    this.#messages = before ? before.#messages.slice(-remembered) : [];
    this.#life = linkedController(options.client.signal);
    this.#told = this.#run().catch((error: unknown) => this.#fail(error));
  }

  /** Whether it has been ended because nobody said anything. */
  get idle(): boolean {
    return this.#idle;
  }

  /** Resolves when there is room for more. */
  async say(input: NonNullable<Request["input"]>): Promise<void> {
    if (this.#life.signal.aborted) return;
    if (input.case === "text") this.#remember("user", input.value.text ?? "");
    await this.#input.send({ input }, this.#life.signal).catch(() => undefined); // it has ended meanwhile
  }

  async close(): Promise<void> {
    this.#life.abort(over);
    await this.#told;
    this.#life[Symbol.dispose]();
  }

  async #run(): Promise<void> {
    const { caller, surface } = this.#options;
    const own = { ...caller, signal: this.#life.signal };
    for await (const { event } of surface.gateway.stream(LiveService.method.converse, this.#requests(), own)) {
      await this.#tell(event);
    }
    this.#life.abort(over);
  }

  async *#requests(): AsyncGenerator<Request> {
    yield { input: { case: "start", value: startOf(this.#options.settings, this.#messages) } };
    yield* this.#input.channel;
  }

  async #tell(event: Event): Promise<void> {
    switch (event.case) {
      case "started":
        if (this.#isFirst) await this.#send({ type: "system", data: "Connected to Gemini Live" });
        return this.#open.resolve();
      case "textDelta":
        this.#answer += event.value.text;
        return await this.#send({ type: "response", text: event.value.text });
      case "audio":
        return await this.#sendAudio(event.value.data);
      case "answerFinished":
        this.#remember("assistant", this.#answer);
        this.#answer = "";
        break;
      case "warning":
        this.#idle ||= event.value.code === "session-idle";
        break;
      default:
        break;
    }
    if (this.#options.settings.events) await this.#tellMore(event);
  }

  async #sendAudio(data: Uint8Array): Promise<void> {
    const base64 = Buffer.from(data).toString("base64");
    await this.#send({ type: "audio", data: base64, format: "pcm16", sampleRate: spokenRateHertz });
  }

  /** What the old system knew nothing of, for clients that ask for it. */
  async #tellMore(event: Event): Promise<void> {
    switch (event.case) {
      case "inputTranscript":
      case "outputTranscript": {
        const type = event.case === "inputTranscript" ? "input_transcript" : "output_transcript";
        return await this.#send({ type, text: event.value.text });
      }
      case "interrupted":
        return await this.#send({ type: "interrupted" });
      case "answerFinished": {
        const { finishReason, usage } = event.value;
        const { inputTokens = 0, outputTokens = 0 } = usage ?? {};
        const tokens = usage && { prompt_tokens: inputTokens, completion_tokens: outputTokens };
        return await this.#send({
          type: "turn_complete",
          finish_reason: reasonOf(finishReason),
          usage: tokens ?? null,
        });
      }
      default:
        return;
    }
  }

  #remember(role: "user" | "assistant", text: string): void {
    if (text !== "") this.#messages.push({ role, text });
    if (this.#messages.length > remembered * 2) this.#messages.splice(0, remembered);
  }

  async #fail(error: unknown): Promise<void> {
    const ended = this.#life.signal.aborted;
    this.#life.abort(over);
    this.#open.resolve();
    if (ended) return;
    const { client, caller, surface } = this.#options;
    const message = isNobody(error)
      ? "No API key configured"
      : httpErrorOf(error, caller.requestId, surface.explainError).message;
    await this.#send({ type: "error", data: message });
    client.close(1011, message);
  }

  async #send(message: object): Promise<void> {
    await this.#options.client.send(jsonLine(message));
  }
}

/** The provider is not there, and nobody was asked. */
function isNobody(error: unknown): boolean {
  if (!(error instanceof ConnectError) || error.code !== Code.NotFound) return false;
  return (error.findDetails(ErrorDetailSchema)[0]?.attempts ?? []).length === 0;
}
