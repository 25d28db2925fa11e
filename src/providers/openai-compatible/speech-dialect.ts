import type { AudioFormat } from "../../core/audio-format.ts";

/** A form of audio that a server makes, and how it is asked for. */
export interface SpeechFormat {
  readonly format: AudioFormat;
  readonly responseFormat: string;
  /** Whether `sample_rate` has to say the rate. */
  readonly namesRate?: boolean;
}

/** How the speech of one server differs from the others'. */
export interface SpeechDialect {
  /** The preferred one first: samples, which can be made into everything else. */
  readonly formats: readonly SpeechFormat[];
  /** The longest text of one call of a model, in characters; undefined: not known. */
  readonly maxCharacters?: (model: string) => number | undefined;
  /** The voice when the caller names none; without one the server chooses, or refuses. */
  readonly defaultVoice?: string;
  /** Models that refuse `instructions`. */
  readonly withoutInstructions?: RegExp;
  /** Ids of voices that go out as `{"id": …}`. */
  readonly customVoices?: RegExp;
  readonly voices?: readonly string[];
}

const format = (mimeType: string, sampleRateHertz: number): AudioFormat => ({
  mimeType,
  sampleRateHertz,
  channelCount: 1,
});

/** OpenAI's forms: developers.openai.com, "Text to speech, supported output formats". Its PCM has 24 kHz. */
const openaiFormats: readonly SpeechFormat[] = [
  { format: format("audio/pcm", 24_000), responseFormat: "pcm" },
  { format: format("audio/wav", 0), responseFormat: "wav" },
  { format: format("audio/mpeg", 0), responseFormat: "mp3" },
  { format: format("audio/ogg", 0), responseFormat: "opus" },
  { format: format("audio/aac", 0), responseFormat: "aac" },
  { format: format("audio/flac", 0), responseFormat: "flac" },
];

const generic: SpeechDialect = { formats: openaiFormats };

/** The built-in voices of `POST /audio/speech`. */
const openaiVoices = [
  "alloy",
  "ash",
  "ballad",
  "cedar",
  "coral",
  "echo",
  "fable",
  "marin",
  "nova",
  "onyx",
  "sage",
  "shimmer",
  "verse",
];

const openai: SpeechDialect = {
  formats: openaiFormats,
  maxCharacters: () => 4096,
  defaultVoice: "alloy",
  withoutInstructions: /^tts-1/,
  customVoices: /^voice_/,
  voices: openaiVoices,
};

const groqRates = [8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000];

/** groq-sdk, `audio.speech`: no samples without a header but µ-law; every rate can be had. */
const groq: SpeechDialect = {
  formats: [
    { format: format("audio/wav", 0), responseFormat: "wav" },
    ...groqRates.map((rate) => ({ format: format("audio/wav", rate), responseFormat: "wav", namesRate: true })),
    { format: format("audio/ulaw", 8_000), responseFormat: "mulaw", namesRate: true },
    { format: format("audio/mpeg", 0), responseFormat: "mp3" },
    { format: format("audio/ogg", 0), responseFormat: "ogg" },
    { format: format("audio/flac", 0), responseFormat: "flac" },
  ],
  withoutInstructions: /./,
  // Groq's guide to Orpheus: a text has at most 200 characters.
  maxCharacters: (model) => (/orpheus/i.test(model) ? 200 : undefined),
};

/** The dialects of speech that have something of their own, by the name of their dialect of chat. */
export const speechDialects = { generic, openai, azure: openai, groq } as const satisfies Readonly<
  Record<string, SpeechDialect>
>;

/** The dialect of speech that goes with a dialect of chat. */
export function chooseSpeechDialect(name: string): SpeechDialect {
  const named: Readonly<Record<string, SpeechDialect>> = speechDialects;
  return named[name] ?? generic;
}
