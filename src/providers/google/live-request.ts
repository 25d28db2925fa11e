import type { AutomaticActivityDetection, LiveClientSetup } from "@google/genai";
import type { AudioFormat } from "../../core/audio-format.ts";
import type { Warning } from "../../core/route.ts";
import type { LiveTranscriptionRequest, TurnDetection } from "../../core/transcription.ts";
import { type Notes, newNotes } from "../openai-compatible/notes.ts";
import { mergeOptions, refuseReservedOptions } from "../openai-compatible/options.ts";
import { unsupported } from "../openai-compatible/unsupported.ts";
import { resourceName } from "./endpoint.ts";
import { toHints } from "./transcription-request.ts";

/** What the Live API hears: ai.google.dev/gemini-api/docs/live-api, "Audio formats". */
export const liveFormat: AudioFormat = { mimeType: "audio/pcm", sampleRateHertz: 16_000, channelCount: 1 };

/** The server finds turns by silence, or is told of them; it is told in between as well. */
export const liveTurnModes: readonly TurnDetection["mode"][] = ["silence", "manual"];

interface LiveCall {
  readonly setup: object;
  readonly warnings: readonly Warning[];
}

/** The first message of a session. Options are merged into it, such as `{"inputAudioTranscription": {"mode": "SMART"}}`. */
export function toLiveSetup(request: LiveTranscriptionRequest): LiveCall {
  refuseReservedOptions(request.options, ["model"]);
  const { model, speakerLabels, wordTimings, turnDetection } = request;
  const notes = newNotes();
  const detection = toDetection(turnDetection, notes);
  const setup = {
    model: resourceName(model),
    generationConfig: { responseModalities: ["TEXT"] },
    inputAudioTranscription: toHints(request, notes),
    ...(detection && { realtimeInputConfig: { automaticActivityDetection: detection } }),
  };
  // docs.cloud.google.com, "Gemini 3.5 Transcribe, feature support": both are for recordings.
  if (wordTimings) notes.ignored("config.wordTimings");
  if (speakerLabels) notes.ignored("config.speakerLabels");
  return { setup: mergeOptions(setup satisfies LooseSetup, request.options), warnings: notes.warnings };
}

/** The documented fields; their enums are plain words on the wire. */
type LooseSetup = { readonly [Key in keyof LiveClientSetup]?: unknown };

/** How the server is to find turns: nothing for its own way. `prefixPaddingMs` is another thing: how long speech has to last to count. */
export function toDetection(turns: TurnDetection, notes: Notes): AutomaticActivityDetection | undefined {
  switch (turns.mode) {
    case "manual":
      return { disabled: true };
    case "silence":
      if (turns.threshold !== undefined) notes.ignored("start.turnDetection.silence.threshold");
      if (turns.prefixMs !== undefined) notes.ignored("start.turnDetection.silence.prefixMs");
      return turns.silenceMs === undefined ? undefined : { silenceDurationMs: turns.silenceMs };
    case "semantic":
      throw unsupported("start.turnDetection.semantic", "the Live API finds turns by silence, or is told of them");
  }
}
