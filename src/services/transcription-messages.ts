import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  SemanticDetection_Eagerness as Eagerness,
  type TurnDetection as ProtoTurnDetection,
} from "../../gen/livellm/v1/audio_pb.ts";
import type {
  TranscribeStreamRequest,
  TranscribeStreamResponseSchema,
  TranscriptionStart,
} from "../../gen/livellm/v1/transcription_service_pb.ts";
import type { AudioFormat } from "../core/audio-format.ts";
import { invalidRequest } from "../core/error.ts";
import type { TurnDetection } from "../core/transcription.ts";
import type { LiveCall } from "../live/live-session.ts";
import type { TranscriptionEvent, TranscriptionInput } from "../live/transcription-event.ts";
import { attemptToProto, routeResultToProto, usageToProto, warningToProto } from "../messages/route.ts";
import { formatFromProto, formatToProto, segmentToProto, transcriptionConfigFromProto } from "./audio-messages.ts";

/** What the start of a session says to every target. */
export function liveRequestFromProto(start: TranscriptionStart): LiveCall["request"] {
  return {
    ...transcriptionConfigFromProto(start.config),
    interim: !start.finalOnly,
    requestId: start.caller?.requestId ?? "",
    userId: start.caller?.userId ?? "",
  };
}

/** The form of the caller's audio: samples, at a rate that is said. The rules see to the rest. */
export function liveFormatFromProto({ format }: TranscriptionStart): AudioFormat {
  const given = formatFromProto(format);
  if (given && given.sampleRateHertz > 0) return { ...given, channelCount: given.channelCount || 1 };
  const description = "is required, such as 16000: samples do not say their rate";
  throw invalidRequest([{ field: "start.format.sampleRateHertz", description, reason: "REQUIRED" }]);
}

/** Undefined: the target's default. */
export function turnDetectionFromProto(turns: ProtoTurnDetection | undefined): TurnDetection | undefined {
  const mode = turns?.mode;
  switch (mode?.case) {
    case "silence": {
      const { threshold, silenceMs, prefixMs } = mode.value;
      return { mode: "silence", threshold, silenceMs, prefixMs };
    }
    case "semantic":
      return { mode: "semantic", eagerness: eagernesses.get(mode.value.eagerness) };
    case "manual":
      return { mode: "manual" };
    default:
      return undefined;
  }
}

const eagernesses = new Map<Eagerness, "low" | "medium" | "high">([
  [Eagerness.LOW, "low"],
  [Eagerness.MEDIUM, "medium"],
  [Eagerness.HIGH, "high"],
]);

/** Undefined for what this version does not know. */
export function transcriptionInputFromProto({ input }: TranscribeStreamRequest): TranscriptionInput | undefined {
  switch (input.case) {
    case "audio":
      return { type: "audio", data: input.value.data };
    case "silence":
      return { type: "silence", durationMs: input.value.durationMs };
    case "endTurn":
      return { type: "end-turn" };
    case "start":
    case undefined:
      return undefined;
    default:
      return input satisfies never;
  }
}

type ProtoEvent = MessageInitShape<typeof TranscribeStreamResponseSchema>["event"];

/** One event of a session as one message of the stream. */
export function transcriptionEventToProto(event: TranscriptionEvent): ProtoEvent {
  switch (event.type) {
    case "attempt-failed":
      return { case: "attemptFailed", value: attemptToProto(event.attempt) };
    case "started": {
      const { sessionId } = event;
      const routeResult = routeResultToProto(event.routeResult);
      return { case: "started", value: { routeResult, sessionId, format: formatToProto(event.format) } };
    }
    case "speech-started":
      return { case: "speechStarted", value: { offsetMs: event.offsetMs } };
    case "speech-ended":
      return { case: "speechEnded", value: { offsetMs: event.offsetMs } };
    case "segment":
      return { case: "segment", value: segmentToProto(event.segment) };
    case "turn-ended": {
      const { lastSegmentIndex, offsetMs } = event;
      return { case: "turnEnded", value: { lastSegmentIndex, offsetMs } };
    }
    case "ending":
      return { case: "sessionEnding", value: { timeLeftMs: Math.round(event.timeLeftMs) } };
    case "warning":
      return { case: "warning", value: warningToProto(event.warning) };
    case "heartbeat":
      return { case: "heartbeat", value: {} };
    case "finished": {
      const { text, durationMs } = event;
      const usage = usageToProto(event.usage);
      return {
        case: "finished",
        value: { text, durationMs, usage, routeResult: routeResultToProto(event.routeResult) },
      };
    }
    default:
      return event satisfies never;
  }
}
