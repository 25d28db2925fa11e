import type { MessageInitShape } from "@bufbuild/protobuf";
import { Modality } from "../../gen/livellm/v1/common_pb.ts";
import type {
  ConversationStart,
  ConverseRequest,
  ConverseResponseSchema,
} from "../../gen/livellm/v1/live_service_pb.ts";
import type { ConversationInput } from "../core/live.ts";
import type { ModelTool } from "../core/tools.ts";
import type { ConverseEvent } from "../live/conversation-event.ts";
import type { ConversationCall } from "../live/conversation-session.ts";
import { routeResultToProto, usageToProto } from "../messages/route.ts";
import { generationFromProto } from "./agent-generation.ts";
import { finishReasons } from "./agent-response.ts";
import { toolFromProto } from "./agent-tools.ts";
import { formatFromProto, formatToProto, transcriptionConfigFromProto } from "./audio-messages.ts";
import { messagesFromProto, toolCallToProto, toolResultFromProto } from "./messages.ts";
import { samplesFormatFromProto, sessionEventToProto, turnDetectionFromProto } from "./session-messages.ts";

/** A conversation as its start says it; checked before. */
export function conversationFromProto(start: ConversationStart): ConversationCall {
  const { config, caller } = start;
  const { inputTranscription, speech } = config ?? {};
  return {
    request: {
      instructions: config?.instructions ?? "",
      messages: messagesFromProto(start.messages),
      tools: (config?.tools ?? []).map(toolFromProto).filter((tool): tool is ModelTool => tool.type !== "mcp-server"),
      generation: generationFromProto(config?.generation),
      speech: {
        languageCode: speech?.languageCode ?? "",
        speed: speech?.speed,
        instructions: speech?.instructions ?? "",
      },
      bargeIn: !start.bargeInDisabled,
      inputTranscription: inputTranscription && transcriptionConfigFromProto(inputTranscription),
      requestId: caller?.requestId ?? "",
      userId: caller?.userId ?? "",
    },
    format: samplesFormatFromProto(start.format),
    spoken: isSpoken(start) ? { format: formatFromProto(speech?.format), chunkMs: start.chunkMs } : undefined,
    turnDetection: turnDetectionFromProto(start.turnDetection),
  };
}

function isSpoken({ config }: ConversationStart): boolean {
  return config?.generation?.outputModalities.includes(Modality.AUDIO) ?? false;
}

/** Undefined for what this version does not know. */
export function conversationInputFromProto({ input }: ConverseRequest): ConversationInput | undefined {
  switch (input.case) {
    case "audio":
      return { type: "audio", data: input.value.data };
    case "text":
      return { type: "text", text: input.value.text };
    case "endTurn":
      return { type: "end-turn" };
    case "toolResult":
      return { type: "tool-result", result: toolResultFromProto(input.value, new Map()) };
    case "interrupt":
      return { type: "interrupt", heardMs: input.value.heardMs };
    case "start":
    case undefined:
      return undefined;
    default:
      return input satisfies never;
  }
}

type ProtoEvent = MessageInitShape<typeof ConverseResponseSchema>["event"];

/** One event of a conversation as one message of the stream. */
export function converseEventToProto(event: ConverseEvent): ProtoEvent {
  switch (event.type) {
    case "started":
      return { case: "started", value: startedToProto(event) };
    case "input-transcript":
      return { case: "inputTranscript", value: { text: event.text } };
    case "output-transcript":
      return { case: "outputTranscript", value: { text: event.text } };
    case "text":
      return { case: "textDelta", value: { text: event.text } };
    case "audio":
      return { case: "audio", value: { data: event.data as Uint8Array<ArrayBuffer> } };
    case "tool-call":
      return { case: "toolCall", value: toolCallToProto(event.call) };
    case "tool-calls-cancelled":
      return { case: "toolCallsCancelled", value: { toolCallIds: [...event.ids] } };
    case "interrupted":
      return { case: "interrupted", value: {} };
    case "answer-finished":
      return { case: "answerFinished", value: answerToProto(event) };
    case "finished":
      return { case: "finished", value: finishedToProto(event) };
    default:
      return sessionEventToProto(event);
  }
}

type Event<T extends ConverseEvent["type"]> = Extract<ConverseEvent, { type: T }>;

function startedToProto({ routeResult, sessionId, inputFormat, outputFormat }: Event<"started">) {
  return {
    routeResult: routeResultToProto(routeResult),
    sessionId,
    inputFormat: inputFormat && formatToProto(inputFormat),
    outputFormat: outputFormat && formatToProto(outputFormat),
  };
}

function answerToProto({ finishReason, providerFinishReason, answerUsage }: Event<"answer-finished">) {
  return {
    finishReason: finishReasons[finishReason],
    providerFinishReason,
    usage: answerUsage && usageToProto(answerUsage),
  };
}

function finishedToProto({ durationMs, usage, routeResult }: Event<"finished">) {
  return { durationMs, usage: usageToProto(usage), routeResult: routeResultToProto(routeResult) };
}
