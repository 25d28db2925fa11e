import type { ProviderKind } from "../../core/provider.ts";
import { dialects } from "../openai-compatible/dialects.ts";
import { createModels } from "../openai-compatible/models.ts";
import { createSpeech } from "../openai-compatible/speech.ts";
import { speechDialects } from "../openai-compatible/speech-dialect.ts";
import { createTranscription } from "../openai-compatible/transcription.ts";
import { createChat } from "./chat.ts";

const kind = "groq";

/** Groq: open models and its Compound systems over chat completions, Whisper, and speech. */
export const groq: ProviderKind = {
  kind,
  displayName: "Groq",
  rpcs: [
    "AgentService/Run",
    "AgentService/RunStream",
    "AudioService/Speak",
    "AudioService/SpeakStream",
    "AudioService/SpeakDuplex",
    "AudioService/Transcribe",
    "ModelsService/ListModels",
  ],
  apiKeyRequired: true,
  baseUrlRequired: false,
  defaultBaseUrl: "https://api.groq.com/openai/v1",
  create(connection, upstream) {
    return {
      chat: createChat(kind, connection, upstream),
      models: createModels(connection, dialects.groq, upstream),
      speech: createSpeech({ connection, dialect: dialects.groq, speech: speechDialects.groq }, upstream),
      transcription: createTranscription(connection, dialects.groq, upstream),
    };
  },
};
