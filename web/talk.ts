import { Modality } from "../gen/livellm/v1/common_pb.ts";
import { Capability } from "../gen/livellm/v1/models_service_pb.ts";
import type { Provider } from "../gen/livellm/v1/providers_service_pb.ts";
import { reportError } from "./call-report.ts";
import { Dialogue } from "./dialogue.ts";
import { find } from "./element.ts";
import { type ConversationRequest, LiveConversation } from "./live-conversation.ts";
import { targetFields } from "./target-fields.ts";

/** A conversation by voice. Returns what takes the providers to choose from. */
export function setUpTalk(): (providers: readonly Provider[]) => void {
  const target = targetFields("talk", { localModel: "echo", capability: Capability.LIVE });
  const voice = find("talk-voice", HTMLInputElement);
  const instructions = find("talk-instructions", HTMLTextAreaElement);
  const start = find("talk-start", HTMLButtonElement);
  const stop = find("talk-stop", HTMLButtonElement);
  const state = find("talk-state", HTMLParagraphElement);
  const report = find("talk-report", HTMLDivElement);
  const log = find("talk-log", HTMLDivElement);
  const level = find("talk-level", HTMLMeterElement);
  let conversation: LiveConversation | undefined;

  const asked = (): ConversationRequest => ({
    route: { targets: [{ ...target.read(), voice: voice.value.trim() }] },
    config: {
      instructions: instructions.value,
      generation: { outputModalities: [Modality.AUDIO] },
      inputTranscription: {},
    },
    caller: { app: "playground" },
  });

  const talk = async () => {
    report.replaceChildren();
    conversation = new LiveConversation({ dialogue: new Dialogue(log), state, report, level });
    start.disabled = true;
    stop.hidden = false;
    try {
      await conversation.run(asked());
    } catch (error) {
      report.append(reportError(error));
    } finally {
      state.textContent = "";
      conversation = undefined;
      stop.hidden = true;
      start.disabled = false;
    }
  };

  find("talk-form", HTMLFormElement).addEventListener("submit", (event) => {
    event.preventDefault();
    if (!conversation) void talk();
  });
  stop.addEventListener("click", () => conversation?.stop());
  return (providers) => target.offer(providers);
}
