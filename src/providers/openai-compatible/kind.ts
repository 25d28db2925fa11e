import type { ProviderKind } from "../../core/provider.ts";
import { createChatCompletions } from "./chat.ts";
import { chooseDialect, dialects } from "./dialects.ts";
import { createImages } from "./images.ts";
import { createModels } from "./models.ts";
import { createSpeech } from "./speech.ts";
import { chooseSpeechDialect } from "./speech-dialect.ts";
import { createTranscription } from "./transcription.ts";

/** Any server that speaks OpenAI's chat completions: vLLM, LM Studio, OpenRouter, xAI, DeepSeek, Mistral, Together, Azure, … */
export const openaiCompatible: ProviderKind = {
  kind: "openai-compatible",
  displayName: "OpenAI-compatible",
  keepsTrace: true,
  rpcs: [
    "AgentService/Run",
    "AgentService/RunStream",
    "AudioService/Speak",
    "AudioService/SpeakStream",
    "AudioService/SpeakDuplex",
    "AudioService/Transcribe",
    "ImagesService/GenerateImage",
    "ImagesService/GenerateImageStream",
    "ImagesService/EditImage",
    "ImagesService/EditImageStream",
    "ModelsService/ListModels",
  ],
  apiKeyRequired: false,
  baseUrlRequired: true,
  defaultBaseUrl: "",
  settingsSchema: {
    type: "object",
    properties: {
      dialect: {
        enum: Object.keys(dialects),
        description: "How the server differs from OpenAI's own; found by the host of the base URL when not set.",
      },
      apiVersion: {
        type: "string",
        pattern: "^\\d{4}-\\d{2}-\\d{2}(-preview)?$",
        description: "Azure's api-version, for base URLs that do not end in /v1.",
      },
    },
    additionalProperties: false,
  },
  create(connection, upstream) {
    const dialect = chooseDialect(connection.settings.dialect, connection.baseUrl);
    return {
      chat: createChatCompletions({ kind: "openai-compatible", dialect, connection }, upstream),
      models: createModels(connection, dialect, upstream),
      speech: createSpeech({ connection, dialect, speech: chooseSpeechDialect(dialect.name) }, upstream),
      transcription: createTranscription(connection, dialect, upstream),
      images: createImages({ connection, dialect }, upstream),
    };
  },
};
