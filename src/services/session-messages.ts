import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  SemanticDetection_Eagerness as Eagerness,
  type AudioFormat as ProtoAudioFormat,
  type TurnDetection as ProtoTurnDetection,
} from "../../gen/livellm/v1/audio_pb.ts";
import type { TranscribeStreamResponseSchema } from "../../gen/livellm/v1/transcription_service_pb.ts";
import type { AudioFormat } from "../core/audio-format.ts";
import { invalidRequest, type LivellmError } from "../core/error.ts";
import type { TurnDetection } from "../core/transcription.ts";
import type { ConverseEvent } from "../live/conversation-event.ts";
import type { TranscriptionEvent } from "../live/transcription-event.ts";
import { attemptToProto, warningToProto } from "../messages/route.ts";
import { formatFromProto } from "./audio-messages.ts";

/** The form of the caller's live audio: samples, at a rate that is said. The rules see to the rest. Undefined for none. */
export function samplesFormatFromProto(format: ProtoAudioFormat | undefined): AudioFormat | undefined {
  const given = formatFromProto(format);
  if (!given) return undefined;
  if (given.sampleRateHertz > 0) return { ...given, channelCount: given.channelCount || 1 };
  throw rateMissing();
}

/** The start of a session whose samples have no rate. */
export function rateMissing(): LivellmError {
  const description = "is required, such as 16000: samples do not say their rate";
  return invalidRequest([{ field: "start.format.sampleRateHertz", description, reason: "REQUIRED" }]);
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

/** What every live session tells in the same way; of its end each tells more. */
type CommonEvent = Exclude<Extract<TranscriptionEvent, ConverseEvent>, { type: "finished" }>;

type CommonCase = "attemptFailed" | "speechStarted" | "speechEnded" | "sessionEnding" | "warning" | "heartbeat";

/** The same messages in the streams of both kinds of session. */
type CommonProtoEvent = Extract<MessageInitShape<typeof TranscribeStreamResponseSchema>["event"], { case: CommonCase }>;

/** Such an event as one of a session's stream. */
export function sessionEventToProto(event: CommonEvent): CommonProtoEvent {
  switch (event.type) {
    case "attempt-failed":
      return { case: "attemptFailed", value: attemptToProto(event.attempt) };
    case "speech-started":
      return { case: "speechStarted", value: { offsetMs: event.offsetMs } };
    case "speech-ended":
      return { case: "speechEnded", value: { offsetMs: event.offsetMs } };
    case "ending":
      return { case: "sessionEnding", value: { timeLeftMs: Math.round(event.timeLeftMs) } };
    case "warning":
      return { case: "warning", value: warningToProto(event.warning) };
    case "heartbeat":
      return { case: "heartbeat", value: {} };
    default:
      return event satisfies never;
  }
}
