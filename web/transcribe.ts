import { Capability } from "../gen/livellm/v1/models_service_pb.ts";
import type { Provider } from "../gen/livellm/v1/providers_service_pb.ts";
import { reportCall, reportError } from "./call-report.ts";
import { element, find } from "./element.ts";
import { audio } from "./gateway.ts";
import { LiveTranscription, type TranscriptionRequest } from "./live-transcription.ts";
import { targetFields } from "./target-fields.ts";
import { Transcript } from "./transcript.ts";

/** Speech to text, from the microphone or a file. Returns what takes the providers to choose from. */
export function setUpTranscribe(): (providers: readonly Provider[]) => void {
  const target = targetFields("transcribe", { localModel: "moonshine-tiny", capability: Capability.TRANSCRIBE_STREAM });
  const language = find("transcribe-language", HTMLInputElement);
  const start = find("transcribe-start", HTMLButtonElement);
  const stop = find("transcribe-stop", HTMLButtonElement);
  const file = find("transcribe-file", HTMLInputElement);
  const state = find("transcribe-state", HTMLParagraphElement);
  const report = find("transcribe-report", HTMLDivElement);
  const box = find("transcribe-text", HTMLDivElement);
  let live: LiveTranscription | undefined;

  const common = (): TranscriptionRequest => ({
    route: { targets: [target.read() ?? {}] },
    config: { languageCode: language.value.trim() },
    caller: { app: "playground" },
  });

  /** One at a time; what goes wrong is shown. */
  const work = async (run: () => Promise<void>) => {
    start.disabled = file.disabled = true;
    report.replaceChildren();
    try {
      await run();
      state.textContent = "";
    } catch (error) {
      state.textContent = "";
      report.append(reportError(error));
    } finally {
      live = undefined;
      stop.hidden = true;
      start.disabled = file.disabled = false;
    }
  };

  find("transcribe-form", HTMLFormElement).addEventListener("submit", (event) => {
    event.preventDefault();
    if (start.disabled) return;
    void work(async () => {
      live = new LiveTranscription({ transcript: new Transcript(box), state, report });
      stop.hidden = false;
      await live.run(common());
    });
  });
  stop.addEventListener("click", () => live?.stop());
  file.addEventListener("change", () => {
    const [chosen] = file.files ?? [];
    file.value = "";
    if (!chosen) return;
    void work(() => transcribeFile(chosen, common(), new Transcript(box)));
  });

  const transcribeFile = async (chosen: File, request: TranscriptionRequest, transcript: Transcript) => {
    state.textContent = `Sending ${chosen.name} …`;
    const began = performance.now();
    const data = new Uint8Array(await chosen.arrayBuffer());
    const mimeType = chosen.type || "audio/wav";
    const media = { source: { case: "data" as const, value: data }, mimeType, filename: chosen.name };
    const answer = await audio.transcribe({ ...request, audio: media });
    if (answer.segments.length > 0)
      for (const segment of answer.segments) transcript.show({ ...segment, isFinal: true });
    else transcript.write(answer.text);
    if (answer.text.trim() === "") report.append(element("p", "facts", "No words were heard."));
    report.append(reportCall({ ...answer, firstMs: undefined, totalMs: performance.now() - began }));
  };
  return (providers) => target.offer(providers);
}
