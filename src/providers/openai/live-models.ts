import type { TurnDetection } from "../../core/transcription.ts";
import { unsupported } from "../openai-compatible/unsupported.ts";

/** What a model that writes down live audio takes and tells. */
export interface LiveModel {
  readonly turnModes: readonly TurnDetection["mode"][];
  readonly prompt: boolean;
  /** Whether phrases have a field of their own; without one they go into the prompt. */
  readonly keywords: boolean;
  readonly speakers: boolean;
}

/** The server finds turns by itself, and takes a commit as well. */
const ownTurns = ["silence", "semantic", "manual"] as const;

/** The first that matches counts. From the notes of openai-node, `AudioTranscription`, and "Realtime transcription". */
const models: readonly (LiveModel & { readonly names: RegExp })[] = [
  { names: /^gpt-live-transcribe/, turnModes: ["manual"], prompt: true, keywords: true, speakers: false },
  { names: /^gpt-realtime-whisper/, turnModes: ["manual"], prompt: false, keywords: false, speakers: false },
  { names: /^gpt-transcribe/, turnModes: ownTurns, prompt: true, keywords: true, speakers: false },
  { names: /-diarize\b/, turnModes: ownTurns, prompt: false, keywords: false, speakers: true },
];

const usual: LiveModel = { turnModes: ownTurns, prompt: true, keywords: false, speakers: false };

export function liveModel(name: string): LiveModel {
  return models.find(({ names }) => names.test(name)) ?? usual;
}

/** Throws `failed_precondition` for a way of finding turns that the model does not have. */
export function checkTurnMode(model: string, mode: TurnDetection["mode"]): void {
  const { turnModes } = liveModel(model);
  if (turnModes.includes(mode)) return;
  throw unsupported("turnDetection", `${model} finds no turns by itself: it has ${turnModes.join(", ")}`);
}
