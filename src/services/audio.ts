import type { ServiceImpl } from "@connectrpc/connect";
import type { AudioService } from "../../gen/livellm/v1/audio_service_pb.ts";
import type { SpeechInput } from "../core/speech.ts";
import { withSessionHeartbeat } from "../live/session-heartbeat.ts";
import { speak } from "../live/speak.ts";
import { speakDuplex } from "../live/speak-duplex.ts";
import type { SpeakEvent } from "../live/speak-event.ts";
import { speakWhole } from "../live/speak-whole.ts";
import { transcribeRecording } from "../live/transcribe-recording.ts";
import { withHeartbeat } from "../streams/heartbeat.ts";
import { askedRoute } from "./asked-route.ts";
import {
  duplexEventToProto,
  speakEventToProto,
  speechInputFromProto,
  speechRequestFromProto,
  speechToProto,
  transcriptionConfigFromProto,
  transcriptionToProto,
} from "./audio-messages.ts";
import { recordingFromProto } from "./audio-recording.ts";
import { openSession } from "./audio-session.ts";
import { listVoices, type VoicesOptions } from "./audio-voices.ts";

export interface AudioServiceOptions extends VoicesOptions {
  /** How long a stream may be silent before it says that it is alive. */
  readonly heartbeatIntervalMs: number;
  /** How long a caller who opens a session may take to send its start. */
  readonly idleTimeoutMs: number;
}

const beat = (): SpeakEvent => ({ type: "heartbeat" });

/** AudioService: check, convert in, call, convert out. */
export function createAudioService(options: AudioServiceOptions): ServiceImpl<typeof AudioService> {
  const { resolver, heartbeatIntervalMs, idleTimeoutMs } = options;
  return {
    async speak(request, { signal, values }) {
      const { text } = request;
      const call = { ...speechRequestFromProto(request), text, chunkMs: undefined };
      using plan = await resolver.plan(askedRoute(request.route, values), "speech", signal);
      return speechToProto(await speakWhole(speak({ ...call, plan }, signal)));
    },
    async *speakStream(request, { signal, values }) {
      const { text, chunkMs } = request;
      const call = { ...speechRequestFromProto(request), text, chunkMs };
      using plan = await resolver.plan(askedRoute(request.route, values), "speech", signal);
      for await (const event of withHeartbeat(speak({ ...call, plan }, signal), heartbeatIntervalMs, beat)) {
        yield { event: speakEventToProto(event) };
      }
    },
    async *speakDuplex(requests, { signal, values }) {
      const { start, rest } = await openSession(requests, duplexInput, idleTimeoutMs);
      const call = { ...speechRequestFromProto(start), chunkMs: start.chunkMs, input: rest };
      using plan = await resolver.plan(askedRoute(start.route, values), "speech", signal);
      const events = speakDuplex({ ...call, plan }, signal);
      for await (const event of withSessionHeartbeat(events, heartbeatIntervalMs, beat)) {
        yield { event: duplexEventToProto(event) };
      }
    },
    async transcribe(request, { signal, values }) {
      const { requestId = "", userId = "" } = request.caller ?? {};
      const config = transcriptionConfigFromProto(request.config);
      const recording = recordingFromProto(request);
      using plan = await resolver.plan(askedRoute(request.route, values), "transcription", signal);
      const call = { plan, request: { ...config, ...recording, requestId, userId } };
      return transcriptionToProto(await transcribeRecording(call, signal));
    },
    listVoices: (request, context) => listVoices(request, options, context),
  };
}

type DuplexMessage = Parameters<typeof speechInputFromProto>[0];

const duplexInput = {
  start: ({ input }: DuplexMessage) => (input.case === "start" ? input.value : undefined),
  input: (message: DuplexMessage): SpeechInput | undefined => speechInputFromProto(message),
};
