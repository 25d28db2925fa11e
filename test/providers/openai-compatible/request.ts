import type { ChatRequest, GenerationConfig, Message, Part } from "../../../src/core/chat.ts";

/** A generation config; what is not given is unset. */
export function generation(more: Partial<GenerationConfig> = {}): GenerationConfig {
  return { stopSequences: [], outputModalities: [], ...more };
}

/** A request that says "Hi"; what is given replaces what it has. */
export function chatRequest(more: Partial<ChatRequest> = {}): ChatRequest {
  return {
    model: "m",
    instructions: "",
    messages: [user({ type: "text", text: "Hi" })],
    tools: [],
    generation: generation(),
    options: {},
    requestId: "req-1",
    userId: "",
    ...more,
  };
}

export function user(...parts: Part[]): Message {
  return { role: "user", parts };
}

export function assistant(...parts: Part[]): Message {
  return { role: "assistant", parts };
}

/** The result of a tool, as a caller sends it. */
export function result(toolCallId: string, more: Partial<Extract<Part, { type: "tool-result" }>> = {}): Message {
  const part = { type: "tool-result", toolCallId, name: "", text: "ok", media: [], failed: false, ...more } as const;
  return { role: "tool", parts: [part] };
}

export function call(id: string, name: string, argumentsJson: string): Part {
  return { type: "tool-call", id, name, argumentsJson, executor: "client" };
}

export function media(mimeType: string, source: { data?: Uint8Array; uri?: string; filename?: string }): Part {
  return { type: "media", media: { mimeType, ...source } };
}
