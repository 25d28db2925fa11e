import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  TranscribeStreamRequest,
  TranscribeStreamResponseSchema,
  TranscriptionStart,
} from "../../gen/livellm/v1/transcription_service_pb.ts";
import type { AudioFormat } from "../core/audio-format.ts";
import type { LiveCall } from "../live/live-session.ts";
import type { TranscriptionEvent, TranscriptionInput } from "../live/transcription-event.ts";
import { routeResultToProto, usageToProto } from "../messages/route.ts";
import { formatToProto, segmentToProto, transcriptionConfigFromProto } from "./audio-messages.ts";
import { rateMissing, samplesFormatFromProto, sessionEventToProto } from "./session-messages.ts";

/** What the start of a session says to every target. */
export function liveRequestFromProto(start: TranscriptionStart): LiveCall["request"] {
  return {
    ...transcriptionConfigFromProto(start.config),
    interim: !start.finalOnly,
    requestId: start.caller?.requestId ?? "",
    userId: start.caller?.userId ?? "",
  };
}

/** The form of the caller's audio. */
export function liveFormatFromProto({ format }: TranscriptionStart): AudioFormat {
  const given = samplesFormatFromProto(format);
  if (!given) throw rateMissing();
  return given;
}

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
    case "started": {
      const { sessionId } = event;
      const routeResult = routeResultToProto(event.routeResult);
      return { case: "started", value: { routeResult, sessionId, format: formatToProto(event.format) } };
    }
    case "segment":
      return { case: "segment", value: segmentToProto(event.segment) };
    case "turn-ended": {
      const { lastSegmentIndex, offsetMs } = event;
      return { case: "turnEnded", value: { lastSegmentIndex, offsetMs } };
    }
    case "finished": {
      const { text, durationMs } = event;
      const usage = usageToProto(event.usage);
      return {
        case: "finished",
        value: { text, durationMs, usage, routeResult: routeResultToProto(event.routeResult) },
      };
    }
    default:
      return sessionEventToProto(event);
  }
}
