import type { LiveClientSetup } from "@google/genai";
import { LivellmError } from "../../core/error.ts";
import type { ConversationRequest } from "../../core/live.ts";
import type { Warning } from "../../core/route.ts";
import type { TranscriptionConfig } from "../../core/transcription.ts";
import { type Notes, newNotes } from "../openai-compatible/notes.ts";
import { mergeOptions, refuseReservedOptions } from "../openai-compatible/options.ts";
import { toSystemInstruction } from "./chat-request.ts";
import { toOfferedTools, toToolFields } from "./chat-tools.ts";
import { toContents, type WireContent } from "./contents.ts";
import { resourceName } from "./endpoint.ts";
import { toGenerationConfig } from "./generation-config.ts";
import { toDetection } from "./live-request.ts";
import { onlySpeaks, readsLiveText } from "./model-families.ts";
import { toHints } from "./transcription-request.ts";
import { prebuiltName } from "./voices.ts";

/** How a conversation is opened. */
export interface ConversationSetup {
  readonly setup: object;
  /** What was said before, sent after the setup. */
  readonly history: readonly WireContent[];
  readonly warnings: readonly Warning[];
}

const reserved = ["model", "tools", "systemInstruction", "system_instruction", "sessionResumption"];

/**
 * The first message of a conversation. A model that only speaks is asked to, where text is wanted, and its words are written
 * down. Options are merged into it, such as `{"contextWindowCompression": {"slidingWindow": {}}}`.
 */
export function toConversationSetup(request: ConversationRequest, kind: string): ConversationSetup {
  refuseReservedOptions(request.options, reserved);
  const { model, options, messages } = request;
  const notes = newNotes();
  const history = toContents(messages, { kind, notes, model });
  const setup = {
    model: resourceName(model),
    generationConfig: toGeneration(request, notes),
    ...toSystemInstruction(request, notes),
    ...toTools(request, notes),
    ...toInput(request, notes),
    ...(speaks(request) && { outputAudioTranscription: {} }),
    ...(history.length > 0 && readsLiveText(model) && { historyConfig: { initialHistoryInClientContent: true } }),
  };
  const warnings = writesDown(request) ? [...notes.warnings, transcribed(model)] : notes.warnings;
  return { setup: mergeOptions(setup satisfies LooseSetup, options), history, warnings };
}

/** The documented fields; their enums are plain words on the wire. */
type LooseSetup = { readonly [Key in keyof LiveClientSetup]?: unknown };

function speaks({ outputFormat, model }: ConversationRequest): boolean {
  return outputFormat !== undefined || onlySpeaks(model);
}

/** Whether the words of spoken answers are what the caller wants. */
export function writesDown(request: ConversationRequest): boolean {
  return request.outputFormat === undefined && speaks(request);
}

function toGeneration(request: ConversationRequest, notes: Notes): object {
  const { model, generation } = request;
  return {
    ...toGenerationConfig({ model, generation: { ...generation, outputModalities: [] } }, false, notes),
    responseModalities: [speaks(request) ? "AUDIO" : "TEXT"],
    ...(request.outputFormat && toSpeech(request, notes)),
  };
}

function toSpeech({ voice, speech, model }: ConversationRequest, notes: Notes): object {
  const { languageCode, speed, instructions } = speech;
  if (speed !== undefined && speed !== 1) notes.ignored("config.speech.speed");
  if (instructions !== "") notes.ignored("config.speech.instructions");
  const voiceName = voice === "" ? undefined : prebuiltName(voice);
  if (voice !== "" && !voiceName) throw noSuchVoice(model);
  const config = {
    ...(voiceName && { voiceConfig: { prebuiltVoiceConfig: { voiceName } } }),
    ...(languageCode && { languageCode }),
  };
  return Object.keys(config).length > 0 ? { speechConfig: config } : {};
}

/** The setup has no place for which of them the model must use. */
function toTools(request: ConversationRequest, notes: Notes): object {
  const { functions, hosted } = toOfferedTools(request, notes);
  return toToolFields({ functions, hosted });
}

function toInput(
  { inputFormat, turnDetection, bargeIn, inputTranscription }: ConversationRequest,
  notes: Notes,
): object {
  if (!inputFormat) return {};
  const automaticActivityDetection = toDetection(turnDetection, notes);
  const config = {
    ...(automaticActivityDetection && { automaticActivityDetection }),
    ...(!bargeIn && { activityHandling: "NO_INTERRUPTION" }),
  };
  return {
    ...(Object.keys(config).length > 0 && { realtimeInputConfig: config }),
    ...(inputTranscription && { inputAudioTranscription: toTranscription(inputTranscription, notes) }),
  };
}

function toTranscription(config: TranscriptionConfig, notes: Notes): object {
  const place = "config.inputTranscription";
  if (config.prompt !== "") notes.ignored(`${place}.prompt`);
  if (config.wordTimings) notes.ignored(`${place}.wordTimings`);
  if (config.speakerLabels) notes.ignored(`${place}.speakerLabels`);
  return toHints({ ...config, prompt: "" }, notes);
}

function transcribed(model: string): Warning {
  const message = `${model} only speaks: its words are written down, and its audio is left out`;
  return { code: "output-transcribed", message, field: "config.generation.outputModalities" };
}

/** As a vendor that refuses the voice: the next target may have it. */
function noSuchVoice(model: string): LivellmError {
  const description = `${model} has no voice of this name; ListVoices has them all`;
  return new LivellmError("invalid_argument", "provider_rejected", `route.targets[].voice: ${description}`, {
    violations: [{ field: "route.targets[].voice", description, reason: "UNKNOWN" }],
  });
}
