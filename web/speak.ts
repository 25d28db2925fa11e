import { Code, ConnectError } from "@connectrpc/connect";
import type { SpeakFinished, SpeakStreamResponse } from "../gen/livellm/v1/audio_service_pb.ts";
import { Capability } from "../gen/livellm/v1/models_service_pb.ts";
import type { Provider } from "../gen/livellm/v1/providers_service_pb.ts";
import { describeAttempt, isCancel, reportCall, reportError } from "./call-report.ts";
import { element, find } from "./element.ts";
import { audio } from "./gateway.ts";
import { PcmPlayer } from "./pcm-player.ts";
import { targetFields } from "./target-fields.ts";
import { wavFile } from "./wav-file.ts";

/** What WebAudio can play while it comes; the gateway converts where a provider makes something else. */
const wanted = { mimeType: "audio/pcm", sampleRateHertz: 24_000, channelCount: 1 };

/** Text to speech. Returns what takes the providers to choose from. */
export function setUpSpeak(): (providers: readonly Provider[]) => void {
  const target = targetFields("speak", { localModel: "flite", capability: Capability.SPEAK });
  const form = find("speak-form", HTMLFormElement);
  const text = find("speak-text", HTMLTextAreaElement);
  const voice = find("speak-voice", HTMLInputElement);
  const start = find("speak-start", HTMLButtonElement);
  const stop = find("speak-stop", HTMLButtonElement);
  const state = find("speak-state", HTMLParagraphElement);
  const report = find("speak-report", HTMLDivElement);
  let running: AbortController | undefined;

  const speak = async (signal: AbortSignal) => {
    report.replaceChildren();
    offerDownload(undefined);
    const speech = new Speech(state, report, signal);
    try {
      const route = { targets: [{ ...target.read(), voice: voice.value.trim() }] };
      const request = { route, text: text.value, config: { format: wanted }, caller: { app: "playground" } };
      await speech.play(audio.speakStream(request, { signal }));
      state.textContent = "";
    } catch (error) {
      state.textContent = isCancel(error) ? "Stopped." : "";
      if (!isCancel(error)) report.append(reportError(error, speech.heard ? "The speech is incomplete." : ""));
    } finally {
      speech.close();
      offerDownload(speech.file());
    }
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (running) return;
    running = new AbortController();
    start.disabled = true;
    stop.hidden = false;
    await speak(running.signal);
    running = undefined;
    start.disabled = false;
    stop.hidden = true;
  });
  stop.addEventListener("click", () => running?.abort());
  target.onChange(() => void offerVoices(target.read()?.provider ?? ""));
  return (providers) => {
    target.offer(providers);
    void offerVoices(target.read()?.provider ?? "");
  };
}

/** A speech being played. */
class Speech {
  readonly #state: HTMLElement;
  readonly #report: HTMLElement;
  readonly #signal: AbortSignal;
  readonly #began = performance.now();
  readonly #pieces: Uint8Array<ArrayBuffer>[] = [];
  #player: PcmPlayer | undefined;
  #rate = wanted.sampleRateHertz;
  #firstMs: number | undefined;
  #finished: SpeakFinished | undefined;

  constructor(state: HTMLElement, report: HTMLElement, signal: AbortSignal) {
    this.#state = state;
    this.#report = report;
    this.#signal = signal;
  }

  get heard(): boolean {
    return this.#pieces.length > 0;
  }

  /** Plays the events; resolves when all has been heard. */
  async play(events: AsyncIterable<SpeakStreamResponse>): Promise<void> {
    this.#state.textContent = "Waiting for the first audio …";
    for await (const { event } of events) this.#take(event);
    const finished = this.#finished;
    if (!finished) throw new ConnectError("the stream ended before the speech was finished", Code.DataLoss);
    const totalMs = performance.now() - this.#began;
    this.#report.append(reportCall({ ...finished, firstMs: this.#firstMs, totalMs }));
    await this.#player?.finished(this.#signal);
  }

  close(): void {
    this.#player?.close();
  }

  /** What has come so far. */
  file(): Blob | undefined {
    return this.heard ? wavFile(this.#pieces, this.#rate) : undefined;
  }

  #take(event: SpeakStreamResponse["event"]): void {
    switch (event.case) {
      case "attemptFailed":
        this.#report.append(element("p", "facts warning", describeAttempt(event.value)));
        return;
      case "started": {
        const { mimeType = "", sampleRateHertz = 0 } = event.value.format ?? {};
        if (!mimeType.startsWith("audio/pcm"))
          throw new ConnectError(`this page cannot play ${mimeType}`, Code.Internal);
        this.#rate = sampleRateHertz || wanted.sampleRateHertz;
        for (const { code, message } of event.value.warnings) {
          this.#report.append(element("p", "facts warning", `${code}: ${message}`));
        }
        return;
      }
      case "audio":
        this.#hear(event.value.data as Uint8Array<ArrayBuffer>);
        return;
      case "finished":
        this.#finished = event.value;
        return;
      default: // word timings, heartbeats, and what a later server may add
        return;
    }
  }

  #hear(data: Uint8Array<ArrayBuffer>): void {
    this.#firstMs ??= performance.now() - this.#began;
    this.#player ??= new PcmPlayer(this.#rate);
    this.#state.textContent = "Speaking …";
    this.#pieces.push(data);
    this.#player.push(data);
  }
}

function offerDownload(file: Blob | undefined): void {
  const link = find("speak-download", HTMLAnchorElement);
  URL.revokeObjectURL(link.href); // nothing happens where it is none
  link.hidden = file === undefined;
  if (!file) return;
  link.href = URL.createObjectURL(file);
  link.download = "speech.wav";
}

/** Voices are suggestions: a provider that lists none takes the names it knows all the same. */
async function offerVoices(provider: string): Promise<void> {
  const list = find("speak-voices", HTMLDataListElement);
  list.replaceChildren();
  if (provider === "") return;
  try {
    const { voices } = await audio.listVoices({ provider, pageSize: 500 });
    list.replaceChildren(...voices.map(({ id, displayName }) => new Option(displayName || id, id)));
  } catch (error) {
    console.info(`no voices of ${provider}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
