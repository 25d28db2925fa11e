import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { CallerInfoSchema } from "../gen/livellm/v1/common_pb.ts";
import {
  type ConversationConfigSchema,
  type ConversationFinished,
  type ConversationStarted,
  type ConverseRequestSchema,
  type ConverseResponse,
  LiveService,
} from "../gen/livellm/v1/live_service_pb.ts";
import type { RouteSchema } from "../gen/livellm/v1/route_pb.ts";
import { describeAttempt, reportCall } from "./call-report.ts";
import type { Dialogue } from "./dialogue.ts";
import { element } from "./element.ts";
import { type Microphone, openMicrophone } from "./microphone.ts";
import { PcmPlayer } from "./pcm-player.ts";
import { type DuplexCall, openDuplexCall } from "./web-socket-call.ts";

/** What a conversation is asked with. */
export interface ConversationRequest {
  readonly route: MessageInitShape<typeof RouteSchema>;
  readonly config: MessageInitShape<typeof ConversationConfigSchema>;
  readonly caller: MessageInitShape<typeof CallerInfoSchema>;
}

/** Where it is shown. */
export interface Places {
  readonly dialogue: Dialogue;
  readonly state: HTMLElement;
  readonly report: HTMLElement;
  readonly level: HTMLMeterElement;
}

type Call = DuplexCall<typeof ConverseRequestSchema, typeof LiveService.method.converse.output>;

/** A conversation by voice with a model that listens while it answers, over a WebSocket. */
export class LiveConversation {
  readonly #places: Places;
  readonly #began = performance.now();
  #microphone: Microphone | undefined;
  #call: Call | undefined;
  #player: PcmPlayer | undefined;
  #stopped = false;
  #firstMs: number | undefined;
  #finished: ConversationFinished | undefined;

  constructor(places: Places) {
    this.#places = places;
  }

  /** Resolves when it is over, after {@link stop}. Throws when the call fails. */
  async run(start: ConversationRequest): Promise<void> {
    const { state, report } = this.#places;
    state.textContent = "Asking for the microphone …";
    try {
      this.#microphone = await openMicrophone(this.#places.level);
      if (this.#stopped) return;
      this.#call = this.#open(start, this.#microphone);
      state.textContent = "Connecting …";
      for await (const { event } of this.#call.answers) this.#show(event);
    } finally {
      this.#microphone?.close();
      this.#player?.close();
    }
    const finished = this.#finished;
    if (!finished) throw new ConnectError("the stream ended before the conversation was finished", Code.DataLoss);
    const totalMs = performance.now() - this.#began;
    report.append(reportCall({ ...finished, warnings: [], firstMs: this.#firstMs, totalMs }));
  }

  /** The user has nothing more to say, and wants to hear nothing more. */
  stop(): void {
    this.#stopped = true;
    this.#microphone?.close();
    this.#player?.drop();
    this.#call?.send({ input: { case: "interrupt", value: {} } });
    this.#call?.end();
  }

  #open(start: ConversationRequest, microphone: Microphone): Call {
    const call = openDuplexCall(LiveService.method.converse);
    call.send({ input: { case: "start", value: { ...start, format: microphone.format } } });
    microphone.onAudio((data) => call.send({ input: { case: "audio", value: { data } } }));
    return call;
  }

  #show(event: ConverseResponse["event"]): void {
    const { dialogue } = this.#places;
    switch (event.case) {
      case "started":
        this.#start(event.value);
        return;
      case "speechStarted":
        // What has not been heard yet would be spoken into the user's words.
        this.#player?.drop();
        dialogue.endTurn("You");
        return;
      case "inputTranscript":
        dialogue.add("You", event.value.text);
        return;
      case "outputTranscript":
      case "textDelta":
        dialogue.add("Model", event.value.text);
        return;
      case "audio":
        this.#firstMs ??= performance.now() - this.#began;
        this.#player?.push(event.value.data);
        return;
      case "interrupted":
        this.#player?.drop();
        dialogue.cutOff();
        return;
      case "answerFinished":
        dialogue.endTurn("Model");
        return;
      case "finished":
        this.#finished = event.value;
        return;
      default:
        this.#note(event);
    }
  }

  #start({ routeResult, outputFormat }: ConversationStarted): void {
    const { provider = "", model = "" } = routeResult ?? {};
    this.#places.state.textContent = `${provider} ${model} is listening …`;
    if (outputFormat) this.#player = new PcmPlayer(outputFormat.sampleRateHertz);
  }

  /** What went otherwise than it was asked; the rest, and what a later server may add, is passed over. */
  #note(event: ConverseResponse["event"]): void {
    const note = (text: string) => this.#places.report.append(element("p", "facts warning", text));
    if (event.case === "attemptFailed") note(describeAttempt(event.value));
    if (event.case === "warning") note(`${event.value.code}: ${event.value.message}`);
    if (event.case === "sessionEnding")
      note(`The provider ends the conversation in ${Math.round(event.value.timeLeftMs / 1000)} s.`);
  }
}
