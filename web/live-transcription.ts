import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { CallerInfoSchema } from "../gen/livellm/v1/common_pb.ts";
import type { RouteSchema } from "../gen/livellm/v1/route_pb.ts";
import type { TranscriptionConfigSchema } from "../gen/livellm/v1/transcript_pb.ts";
import {
  type TranscribeStreamRequestSchema,
  type TranscribeStreamResponse,
  type TranscriptionFinished,
  TranscriptionService,
} from "../gen/livellm/v1/transcription_service_pb.ts";
import { describeAttempt, reportCall } from "./call-report.ts";
import { element, find } from "./element.ts";
import { type Microphone, openMicrophone } from "./microphone.ts";
import type { Transcript } from "./transcript.ts";
import { type DuplexCall, openDuplexCall } from "./web-socket-call.ts";

/** What a recording and a live transcription are asked with alike. */
export interface TranscriptionRequest {
  readonly route: MessageInitShape<typeof RouteSchema>;
  readonly config: MessageInitShape<typeof TranscriptionConfigSchema>;
  readonly caller: MessageInitShape<typeof CallerInfoSchema>;
}

/** Where it is shown. */
export interface Places {
  readonly transcript: Transcript;
  readonly state: HTMLElement;
  readonly report: HTMLElement;
}

type Call = DuplexCall<
  typeof TranscribeStreamRequestSchema,
  typeof TranscriptionService.method.transcribeStream.output
>;

/** A live transcription of the microphone, over a WebSocket. */
export class LiveTranscription {
  readonly #places: Places;
  readonly #began = performance.now();
  #microphone: Microphone | undefined;
  #call: Call | undefined;
  #stopped = false;
  #firstMs: number | undefined;
  #finished: TranscriptionFinished | undefined;

  constructor(places: Places) {
    this.#places = places;
  }

  /** Resolves when the last words are there, after {@link stop}. Throws when the call fails. */
  async run(start: TranscriptionRequest): Promise<void> {
    const { state, report } = this.#places;
    state.textContent = "Asking for the microphone …";
    try {
      this.#microphone = await openMicrophone(find("transcribe-level", HTMLMeterElement));
      if (this.#stopped) return;
      this.#call = this.#open(start, this.#microphone);
      state.textContent = "Connecting …";
      for await (const { event } of this.#call.answers) this.#show(event);
    } finally {
      this.#microphone?.close();
    }
    const finished = this.#finished;
    if (!finished) throw new ConnectError("the stream ended before the transcription was finished", Code.DataLoss);
    if (finished.text.trim() === "") report.append(element("p", "facts", "No words were heard."));
    const totalMs = performance.now() - this.#began;
    report.append(reportCall({ ...finished, warnings: [], firstMs: this.#firstMs, totalMs }));
  }

  /** No more audio; the last words are still on their way. */
  stop(): void {
    this.#stopped = true;
    this.#microphone?.close();
    this.#call?.end();
    this.#places.state.textContent = "Waiting for the last words …";
  }

  #open(start: TranscriptionRequest, microphone: Microphone): Call {
    const call = openDuplexCall(TranscriptionService.method.transcribeStream);
    call.send({ input: { case: "start", value: { ...start, format: microphone.format } } });
    microphone.onAudio((data) => call.send({ input: { case: "audio", value: { data } } }));
    return call;
  }

  #show(event: TranscribeStreamResponse["event"]): void {
    const { state, report, transcript } = this.#places;
    const note = (text: string) => report.append(element("p", "facts warning", text));
    switch (event.case) {
      case "started": {
        const { provider = "", model = "" } = event.value.routeResult ?? {};
        state.textContent = `${provider} ${model} is listening …`;
        return;
      }
      case "segment":
        this.#firstMs ??= performance.now() - this.#began;
        transcript.show(event.value);
        return;
      case "attemptFailed":
        note(describeAttempt(event.value));
        return;
      case "warning":
        note(`${event.value.code}: ${event.value.message}`);
        return;
      case "sessionEnding":
        note(`The provider ends the session in ${Math.round(event.value.timeLeftMs / 1000)} s.`);
        return;
      case "finished":
        this.#finished = event.value;
        return;
      default: // activity of speech, turns, heartbeats, and what a later server may add
        return;
    }
  }
}
