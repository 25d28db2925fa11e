import type { AudioFormat } from "../../core/audio-format.ts";
import { invalidRequest } from "../../core/error.ts";
import type { Warning } from "../../core/route.ts";
import type { SpeechRequest } from "../../core/speech.ts";
import { newNotes } from "../openai-compatible/notes.ts";
import { mergeOptions, refuseReservedOptions } from "../openai-compatible/options.ts";
import { unsupported } from "../openai-compatible/unsupported.ts";
import { speaksByFormat } from "./model-families.ts";
import { prebuiltName } from "./voices.ts";

/** What all models make, and the only form that comes in pieces. */
const samples: AudioFormat = { mimeType: "audio/pcm", sampleRateHertz: 24_000, channelCount: 1 };

/** What newer models make as one file. µ-law and A-law they have as well: made of samples here, they come in pieces. */
const files: readonly AudioFormat[] = [
  { mimeType: "audio/mpeg", sampleRateHertz: 0, channelCount: 1 },
  { mimeType: "audio/ogg", sampleRateHertz: 0, channelCount: 1 },
];

/** Names of `AudioResponseFormat.MimeType`. */
const formatNames: Readonly<Record<string, string>> = {
  "audio/pcm": "AUDIO_L16",
  "audio/mpeg": "AUDIO_MP3",
  "audio/ogg": "AUDIO_OGG_OPUS",
};

/** The forms that a model makes by itself, the preferred one first. */
export function speechFormats(model: string): readonly AudioFormat[] {
  return speaksByFormat(model) ? [samples, ...files] : [samples];
}

interface SpeechCall {
  readonly body: object;
  readonly warnings: readonly Warning[];
}

const reserved = ["model", "contents"];

/** A text to be read aloud. Throws `invalid_argument` for a voice that there is not. */
export function toSpeechRequest(request: SpeechRequest): SpeechCall {
  refuseReservedOptions(request.options, reserved);
  const notes = newNotes();
  if (request.speed !== undefined && request.speed !== 1) notes.ignored("config.speed");
  if (request.wordTimings) notes.ignored("config.wordTimings");
  const body = {
    contents: [{ role: "user", parts: [toScript(request)] }],
    generationConfig: {
      responseModalities: ["AUDIO"],
      ...toResponseFormat(request),
      speechConfig: toSpeechConfig(request),
    },
  };
  return { body: mergeOptions(body, request.options), warnings: notes.warnings };
}

/** Newer models take the style apart from the text; older ones in front of it, as in `Say cheerfully: Good morning!`. */
function toScript({ model, text, instructions }: SpeechRequest): object {
  if (instructions === "") return { text };
  if (speaksByFormat(model)) return { text, speechMetadata: { style: instructions } };
  return { text: `${instructions.replace(/[\s:]+$/, "")}: ${text}` };
}

/** A list in the reference, of which the API takes a single item as it is. */
function toResponseFormat({ model, format }: SpeechRequest): object {
  const { mimeType, sampleRateHertz } = format;
  const name = formatNames[mimeType];
  const made = speechFormats(model).some((one) => one.mimeType === mimeType);
  if (!name || !made) throw unsupported("config.format", `${model} does not make ${mimeType}`);
  if (!speaksByFormat(model)) return {};
  const sampleRate = sampleRateHertz > 0 && { sampleRate: sampleRateHertz };
  return { responseFormat: { audio: { mimeType: name, ...sampleRate } } };
}

function toSpeechConfig({ model, voice, languageCode }: SpeechRequest): object {
  return {
    voiceConfig: toVoice(model, voice),
    ...(languageCode && { languageCode }),
  };
}

const usualVoice = "Kore";

/** A prebuilt voice, or with newer models one that the caller has made at Google's. */
function toVoice(model: string, voice: string): object {
  const voiceName = prebuiltName(voice || usualVoice);
  if (voiceName) return { prebuiltVoiceConfig: { voiceName } };
  if (speaksByFormat(model)) return { voice };
  const description = `${model} has no voice of this name; ListVoices has them all`;
  throw invalidRequest([{ field: "route.targets[].voice", description, reason: "UNKNOWN" }]);
}
