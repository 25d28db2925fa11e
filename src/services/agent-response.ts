import type { MessageInitShape, JsonObject as ProtoJsonObject } from "@bufbuild/protobuf";
import { FinishReason as ProtoFinishReason } from "../../gen/livellm/v1/agent_pb.ts";
import type { RunResponseSchema, RunStreamResponseSchema } from "../../gen/livellm/v1/agent_service_pb.ts";
import type { RunEvent, RunResult } from "../agent/run-event.ts";
import type { FinishReason } from "../core/chat.ts";
import { attemptToProto, routeResultToProto, usageToProto, warningToProto } from "../messages/route.ts";
import { messageToProto, partHeadToProto, partToProto, toolCallToProto, toolResultToProto } from "./messages.ts";

export function runResponseToProto(result: RunResult): MessageInitShape<typeof RunResponseSchema> {
  return {
    text: result.text,
    finishReason: finishReasons[result.finishReason],
    providerFinishReason: result.providerFinishReason,
    messages: result.messages.map(messageToProto),
    pendingToolCalls: result.pendingToolCalls.map(toolCallToProto),
    usage: usageToProto(result.usage),
    routeResult: routeResultToProto(result.routeResult),
    warnings: result.warnings.map(warningToProto),
    ...(result.metadata && { providerMetadata: result.metadata as ProtoJsonObject }),
  };
}

type StreamEvent = MessageInitShape<typeof RunStreamResponseSchema>["event"];

/** One event of a run as one message of the stream. */
export function runEventToProto(event: RunEvent, requestId: string): StreamEvent {
  switch (event.type) {
    case "attempt-failed":
      return { case: "attemptFailed", value: attemptToProto(event.attempt) };
    case "started":
      return {
        case: "started",
        value: {
          routeResult: routeResultToProto(event.routeResult),
          requestId,
          warnings: event.warnings.map(warningToProto),
        },
      };
    case "step-started":
      return { case: "stepStarted", value: { step: event.step, routeResult: routeResultToProto(event.routeResult) } };
    case "part-started":
      return { case: "partStarted", value: { index: event.index, part: partHeadToProto(event.part) } };
    case "delta":
      return deltaToProto(event);
    case "part-finished":
      return { case: "partFinished", value: { index: event.index, part: partToProto(event.part) } };
    case "tool-result":
      return { case: "toolResult", value: toolResultToProto(event.result) };
    case "step-finished":
      return {
        case: "stepFinished",
        value: { step: event.step, finishReason: finishReasons[event.finishReason], usage: usageToProto(event.usage) },
      };
    case "finished":
      return { case: "finished", value: runResponseToProto(event.result) };
    case "heartbeat":
      return { case: "heartbeat", value: { note: event.note } };
    default:
      return event satisfies never;
  }
}

function deltaToProto({ of, index, text }: Extract<RunEvent, { type: "delta" }>): StreamEvent {
  if (of === "tool-call") return { case: "toolCallDelta", value: { index, argumentsJson: text } };
  return { case: of === "text" ? "textDelta" : "reasoningDelta", value: { index, text } };
}

/** The contract's words for why an answer ended. */
export const finishReasons = {
  stop: ProtoFinishReason.STOP,
  length: ProtoFinishReason.LENGTH,
  tool_calls: ProtoFinishReason.TOOL_CALLS,
  content_filter: ProtoFinishReason.CONTENT_FILTER,
  refusal: ProtoFinishReason.REFUSAL,
  max_steps: ProtoFinishReason.MAX_STEPS,
  other: ProtoFinishReason.OTHER,
} as const satisfies Record<FinishReason, ProtoFinishReason>;
