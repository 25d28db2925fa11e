import type { Chat, ChatEvent, ChatRequest } from "../core/chat.ts";
import { LivellmError } from "../core/error.ts";
import { PartAssembler } from "./parts.ts";

/** A model to be called. */
export interface CalledModel {
  readonly chat: Chat;
  readonly kind: string;
  /** True when only the whole answer is wanted: providers that offer it are asked without streaming. */
  readonly whole: boolean;
}

type Finished = Extract<ChatEvent, { type: "finished" }>;

/** One model call. Throws `stream_broken` when it ends without a finish. */
export async function* callModel(
  { chat, kind, whole }: CalledModel,
  request: ChatRequest,
  signal: AbortSignal,
): AsyncGenerator<ChatEvent, void, undefined> {
  const events = whole && chat.generate ? await chat.generate(request, signal) : chat.stream(request, signal);
  let finished = false;
  for await (const event of events) {
    finished = event.type === "finished";
    yield event;
  }
  if (!finished) throw new LivellmError("unavailable", "stream_broken", `${kind} ended without a finish`);
}

/** One model call whose answer nobody watches: its text, and how it finished. */
export async function askModel(
  model: CalledModel,
  request: ChatRequest,
  signal: AbortSignal,
): Promise<{ readonly text: string; readonly finished: Finished }> {
  const assembler = new PartAssembler(0, false);
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
