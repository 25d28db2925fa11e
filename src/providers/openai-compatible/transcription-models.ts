/** What a model that writes down recordings takes and tells. */
export interface TranscriptionModel {
  /** The form of answer that tells most, when nothing more is asked for. */
  readonly responseFormat: "json" | "verbose_json" | "diarized_json";
  /** Whether words can be asked for, in `verbose_json`. */
  readonly words: boolean;
  /** Whether it tells speakers apart. */
  readonly speakers: boolean;
  readonly prompt: boolean;
  /** Whether phrases have a field of their own; without one they go into the prompt. */
  readonly keywords: boolean;
}

/** The first that matches counts. From the notes of openai-node, resources/audio/transcriptions. */
const models: readonly (TranscriptionModel & { readonly names: RegExp })[] = [
  {
    names: /-diarize\b/,
    responseFormat: "diarized_json",
    words: false,
    speakers: true,
    prompt: false,
    keywords: false,
  },
  {
    names: /gpt-4o(-mini)?-transcribe/,
    responseFormat: "json",
    words: false,
    speakers: false,
    prompt: true,
    keywords: false,
  },
  {
    names: /gpt-transcribe/,
    responseFormat: "json",
    words: false,
    speakers: false,
    prompt: true,
    keywords: true,
  },
  {
    names: /whisper/i,
    responseFormat: "verbose_json",
    words: true,
    speakers: false,
    prompt: true,
    keywords: false,
  },
];

/** A model we know nothing of: what every server has, and more only when it is asked for. */
const unknown: TranscriptionModel = {
  responseFormat: "json",
  words: true,
  speakers: false,
  prompt: true,
  keywords: false,
};

export function transcriptionModel(name: string): TranscriptionModel {
  return models.find(({ names }) => names.test(name)) ?? unknown;
}
