import type { ServiceImpl } from "@connectrpc/connect";
import type { TranscribeStreamRequest, TranscriptionService } from "../../gen/livellm/v1/transcription_service_pb.ts";
import type { CreateVoiceActivity } from "../audio/vad.ts";
import { withSessionHeartbeat } from "../live/session-heartbeat.ts";
import { transcribeLive } from "../live/transcribe-live.ts";
import type { TranscriptionEvent } from "../live/transcription-event.ts";
import { planLiveTranscription } from "../live/transcription-plan.ts";
import type { Resolver } from "../routing/resolver.ts";
import { askedRoute } from "./asked-route.ts";
import { openSession } from "./audio-session.ts";
import { turnDetectionFromProto } from "./session-messages.ts";
import {
  liveFormatFromProto,
  liveRequestFromProto,
  transcriptionEventToProto,
  transcriptionInputFromProto,
} from "./transcription-messages.ts";

export interface TranscriptionServiceOptions {
  readonly resolver: Resolver;
  /** How long a stream may be silent before it says that it is alive. */
  readonly heartbeatIntervalMs: number;
  /** How long a caller may send nothing before the session is ended, with its last words delivered. */
  readonly idleTimeoutMs: number;
  /** How much audio behind the last final segment is kept for another target. */
  readonly maxKeptAudioMs: number;
  /** Hears who speaks when, for targets that do not. */
  readonly createVoiceActivity: CreateVoiceActivity;
}

const beat = (): TranscriptionEvent => ({ type: "heartbeat" });

/** TranscriptionService: check, convert in, call, convert out. */
export function createTranscriptionService(
  options: TranscriptionServiceOptions,
): ServiceImpl<typeof TranscriptionService> {
  const { resolver, heartbeatIntervalMs, ...limits } = options;
  return {
    async *transcribeStream(requests, { signal, values }) {
      const { start, rest } = await openSession(requests, liveInput, limits.idleTimeoutMs);
      const call = {
        request: liveRequestFromProto(start),
        format: liveFormatFromProto(start),
        turnDetection: turnDetectionFromProto(start.turnDetection),
        input: rest,
      };
      using plan = await planLiveTranscription(resolver, askedRoute(start.route, values), limits, signal);
      const events = transcribeLive({ ...limits, ...call, plan }, signal);
      for await (const event of withSessionHeartbeat(events, heartbeatIntervalMs, beat)) {
        yield { event: transcriptionEventToProto(event) };
      }
    },
  };
}

const liveInput = {
  start: ({ input }: TranscribeStreamRequest) => (input.case === "start" ? input.value : undefined),
  input: transcriptionInputFromProto,
};
