import type { Chat, ChatEvent, ChatRequest } from "../../core/chat.ts";
import type { ProviderConnection } from "../../core/provider.ts";
import type { Warning } from "../../core/route.ts";
import type { Upstream } from "../../core/upstream.ts";
import { createChatCompletions } from "../openai-compatible/chat.ts";
import { ExecutedTools } from "./executed-tools.ts";
import { toGroqCall } from "./groq-request.ts";
import { withExecutedTools } from "./watched-upstream.ts";

/** Groq's chat completions: everybody's, and what its own tools did on the way. */
export function createChat(kind: string, connection: ProviderConnection, upstream: Upstream): Chat {
  const prepare = (asked: ChatRequest) => {
    const tools = new ExecutedTools();
    const { request, dialect, warnings, whole } = toGroqCall(asked);
    const chat = createChatCompletions({ kind, dialect, connection }, withExecutedTools(upstream, tools));
    return { chat, request, whole, complete: (event: ChatEvent) => withTools(event, tools, warnings) };
  };
  const generate = async (asked: ChatRequest, signal: AbortSignal): Promise<readonly ChatEvent[]> => {
    const { chat, request, complete } = prepare(asked);
    const events = (await chat.generate?.(request, signal)) ?? [];
    return events.flatMap(complete);
  };
  return {
    async *stream(asked, signal) {
      const { chat, request, whole, complete } = prepare(asked);
      if (whole) return yield* await generate(asked, signal);
      for await (const event of chat.stream(request, signal)) yield* complete(event);
    },
    generate,
  };
}

/** What the tools did came with the chunk that gave this event, or before it. */
function withTools(event: ChatEvent, tools: ExecutedTools, warnings: readonly Warning[]): readonly ChatEvent[] {
  if (event.type !== "response") return [...tools.take().map((part) => ({ type: "part", part }) as const), event];
  const all = [...warnings, ...(event.warnings ?? [])];
  return [all.length > 0 ? { ...event, warnings: all } : event];
}
