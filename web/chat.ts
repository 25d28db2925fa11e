import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { RunStreamRequestSchema } from "../gen/livellm/v1/agent_service_pb.ts";
import { type Message, MessageSchema } from "../gen/livellm/v1/message_pb.ts";
import { Capability } from "../gen/livellm/v1/models_service_pb.ts";
import type { Provider } from "../gen/livellm/v1/providers_service_pb.ts";
import { isCancel, reportError } from "./call-report.ts";
import { ChatAnswer } from "./chat-answer.ts";
import { element, find } from "./element.ts";
import { agent } from "./gateway.ts";
import { targetFields } from "./target-fields.ts";

/** The chat. Returns what takes the providers to choose from. */
export function setUpChat(): (providers: readonly Provider[]) => void {
  const target = targetFields("chat", { localModel: "echo", capability: Capability.AGENT });
  const fallback = targetFields("chat-fallback", { localModel: "echo", capability: Capability.AGENT, none: "none" });
  const form = find("chat-form", HTMLFormElement);
  const text = find("chat-text", HTMLTextAreaElement);
  const log = find("chat-log", HTMLDivElement);
  const instructions = find("chat-instructions", HTMLTextAreaElement);
  const stop = find("chat-stop", HTMLButtonElement);
  const send = find("chat-send", HTMLButtonElement);
  let history: readonly Message[] = [];
  let running: AbortController | undefined;

  const requestOf = (messages: readonly Message[]): MessageInitShape<typeof RunStreamRequestSchema> => ({
    route: { targets: [target.read(), fallback.read()].filter((one) => one !== undefined) },
    messages: [...messages],
    config: { instructions: instructions.value },
    caller: { app: "playground" },
  });

  const run = async (controller: AbortController) => {
    const question = create(MessageSchema, { role: "user", text: text.value });
    const answer = new ChatAnswer();
    log.append(element("div", "turn", element("h3", "", "You"), element("p", "text", text.value)), answer.element);
    text.value = "";
    const scrollDown = () => {
      log.scrollTop = log.scrollHeight;
    };
    const follow = new ResizeObserver(scrollDown);
    follow.observe(answer.element);
    try {
      const events = agent.runStream(requestOf([...history, question]), { signal: controller.signal });
      const finished = await answer.read(events);
      // A conversation that was cleared meanwhile stays so.
      if (running === controller) history = [...history, question, ...finished.messages];
    } catch (error) {
      answer.fail(isCancel(error) ? stopped() : reportError(error, answer.isEmpty ? "" : incomplete));
      if (answer.isEmpty && text.value === "") text.value = question.text;
    } finally {
      follow.disconnect();
      scrollDown();
    }
  };

  const busy = (controller: AbortController | undefined) => {
    running = controller;
    send.disabled = controller !== undefined;
    stop.hidden = controller === undefined;
    log.setAttribute("aria-busy", String(controller !== undefined));
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (running) return;
    const controller = new AbortController();
    busy(controller);
    await run(controller);
    if (running === controller) busy(undefined);
    text.focus();
  });
  text.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });
  stop.addEventListener("click", () => running?.abort());
  find("chat-clear", HTMLButtonElement).addEventListener("click", () => {
    running?.abort();
    busy(undefined);
    history = [];
    log.replaceChildren();
    text.focus();
  });
  return (providers) => {
    target.offer(providers);
    fallback.offer(providers);
  };
}

const incomplete = "The answer is incomplete, and the conversation goes on without it.";

function stopped(): HTMLElement {
  return element("p", "facts", "Stopped. The conversation goes on without this answer.");
}
