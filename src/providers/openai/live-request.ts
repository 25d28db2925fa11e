import type {
  AudioTranscription,
  RealtimeTranscriptionSessionAudioInput,
  RealtimeTranscriptionSessionCreateRequest,
} from "openai/resources/realtime/realtime";
import type { Warning } from "../../core/route.ts";
import type { LiveTranscriptionRequest, TurnDetection } from "../../core/transcription.ts";
import { newNotes } from "../openai-compatible/notes.ts";
import { mergeOptions, refuseReservedOptions } from "../openai-compatible/options.ts";
import { primaryLanguage, toHints } from "../openai-compatible/transcription-request.ts";
import { checkTurnMode, liveModel } from "./live-models.ts";
import { toRealtimeFormat } from "./realtime-format.ts";

export interface LiveCall {
  readonly session: object;
  readonly warnings: readonly Warning[];
}

/** The session of a live transcription. Options are merged into it, such as `{"audio": {"input": {"noise_reduction": …}}}`. */
export function toTranscriptionSession(request: LiveTranscriptionRequest): LiveCall {
  refuseReservedOptions(request.options, ["type"]);
  const { model, format, turnDetection, languageCode } = request;
  checkTurnMode(model, turnDetection.mode);
  const traits = liveModel(model);
  const notes = newNotes();
  const transcription: AudioTranscription = {
    model,
    ...(languageCode && { language: primaryLanguage(languageCode) }),
    ...toHints(request, traits, notes),
  };
  const session = {
    type: "transcription",
    audio: {
      input: { format: toRealtimeFormat(format), transcription, turn_detection: toTurnDetection(turnDetection) },
    },
  } satisfies RealtimeTranscriptionSessionCreateRequest;
  if (request.wordTimings) notes.ignored("config.wordTimings");
  if (request.speakerLabels && !traits.speakers) notes.ignored("config.speakerLabels");
  return { session: mergeOptions(session, request.options), warnings: notes.warnings };
}

type WireTurnDetection = NonNullable<RealtimeTranscriptionSessionAudioInput["turn_detection"]>;

/** How a session is to find turns; null where it is told. */
export function toTurnDetection(turns: TurnDetection): WireTurnDetection | null {
  switch (turns.mode) {
    case "manual":
      return null;
    case "semantic":
      return { type: "semantic_vad", ...(turns.eagerness && { eagerness: turns.eagerness }) };
    case "silence":
      return {
        type: "server_vad",
        ...(turns.threshold !== undefined && { threshold: turns.threshold }),
        ...(turns.silenceMs !== undefined && { silence_duration_ms: turns.silenceMs }),
        ...(turns.prefixMs !== undefined && { prefix_padding_ms: turns.prefixMs }),
      };
  }
}
