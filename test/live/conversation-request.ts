import type { ConversationRequest } from "../../src/core/live.ts";

/** A written conversation that is asked for nothing in particular. */
export function conversationRequest(changes: Partial<ConversationRequest> = {}): ConversationRequest {
  return {
    model: "echo",
    voice: "",
    instructions: "",
    messages: [],
    tools: [],
    generation: { stopSequences: [], outputModalities: [] },
    inputFormat: undefined,
    outputFormat: undefined,
    speech: { languageCode: "", instructions: "" },
    turnDetection: { mode: "silence" },
    bargeIn: true,
    inputTranscription: undefined,
    options: {},
    requestId: "req-1",
    userId: "",
    ...changes,
  };
}
