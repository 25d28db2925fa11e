import type { Chat, ChatEvent, ChatRequest } from "../core/chat.ts";
import { LivellmError } from "../core/error.ts";
import { batched } from "../streams/batches.ts";
import { PartAssembler } from "./parts.ts";

/** A model to be called. */
export interface CalledModel {
  readonly chat: Chat;
  readonly kind: string;
  /** True when only the whole answer is wanted: providers that offer it are asked without streaming. */
  readonly whole: boolean;
}

type Finished = Extract<ChatEvent, { type: "finished" }>;

/** One model call. It is whole when the last event is `finished`. */
export function callModel(
  { chat, whole }: CalledModel,
  request: ChatRequest,
  signal: AbortSignal,
): AsyncIterable<ChatEvent> {
  return whole && chat.generate ? batched(generate(chat.generate(request, signal))) : chat.stream(request, signal);
}

async function* generate(answer: Promise<readonly ChatEvent[]>): AsyncGenerator<readonly ChatEvent[], void> {
  yield await answer;
}

/** One model call whose answer nobody watches: its text, and how it finished. */
export async function askModel(
  model: CalledModel,
  request: ChatRequest,
  signal: AbortSignal,
): Promise<{ readonly text: string; readonly finished: Finished }> {
  const assembler = new PartAssembler(0, false, () => undefined);
  let finished: Finished | undefined;
  for await (const event of callModel({ ...model, whole: true }, request, signal)) {
    if (event.type === "part-started") assembler.start(event.key, event.part);
    else if (event.type === "delta") assembler.delta(event.key, event.text);
    else if (event.type === "part-finished") assembler.finish(event);
    else if (event.type === "part") assembler.whole(event.part);
    else if (event.type === "finished") finished = event;
  }
  assembler.finishAll();
  const text = assembler.parts.flatMap((part) => (part.type === "text" ? part.text : [])).join("");
  if (!finished) throw new LivellmError("unavailable", "stream_broken", `${model.kind} ended without a finish`);
  return { text, finished };
}
