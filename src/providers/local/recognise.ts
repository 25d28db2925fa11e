import type { SegmenterEvent } from "../../audio/segmenter.ts";
import type { JsonObject } from "../../core/json.ts";
import type { Warning } from "../../core/route.ts";
import type { TranscribedSegment, TranscriptionConfig } from "../../core/transcription.ts";
import { ignoredFields, noSuchModel, refuseOptions, requireEnglish } from "./local-request.ts";

/** The models that write down. */
const moonshineModels: readonly string[] = ["moonshine-base", "moonshine-tiny"];

/** What they take. */
export const samplesPerMs = 16;

/** A cut every so often at least: what Moonshine was trained on is no longer than half a minute. */
export const maxUtteranceMs = 20_000;

/** Throws when the model is none, or cannot do what is asked; else what it leaves out. */
export function checkRecognition(
  request: TranscriptionConfig & { readonly model: string; readonly options: JsonObject },
): readonly Warning[] {
  const { model, options, languageCode } = request;
  if (!moonshineModels.includes(model)) throw noSuchModel(model, "transcription", moonshineModels);
  refuseOptions(model, options);
  requireEnglish(model, languageCode);
  return ignoredFields(model, {
    "config.prompt": request.prompt,
    "config.phrases": request.phrases,
    "config.wordTimings": request.wordTimings,
    "config.speakerLabels": request.speakerLabels,
  });
}

/** An utterance of the segmenter. */
export type Utterance = Extract<SegmenterEvent, { readonly type: "utterance" }>;

/** What was said in an utterance, as a segment. */
export function toSegment(text: string, { speechStartSample, speechEndSample }: Utterance): TranscribedSegment {
  return { text, startMs: toMs(speechStartSample), endMs: toMs(speechEndSample), languageCode: "en" };
}

export function toMs(samples: number): number {
  return Math.round(samples / samplesPerMs);
}
