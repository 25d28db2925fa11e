import type { ProviderKind } from "../../core/provider.ts";
import { dialects } from "../openai-compatible/dialects.ts";
import { createModels } from "../openai-compatible/models.ts";
import { createTranscription } from "../openai-compatible/transcription.ts";
import { createOpenAIChat } from "./chat.ts";
import { createLive } from "./conversation.ts";
import { createOpenAIImages } from "./images.ts";
import { createLiveTranscription } from "./live-transcription.ts";
import { createOpenAISpeech } from "./speech.ts";

const kind = "openai";

/** OpenAI itself: the Responses API; chat completions for models that are served by no other, or with `settings: {"api": "chat"}`. */
export const openai: ProviderKind = {
  kind,
  displayName: "OpenAI",
  rpcs: [
    "AgentService/Run",
    "AgentService/RunStream",
    "AudioService/Speak",
    "AudioService/SpeakStream",
    "AudioService/SpeakDuplex",
    "AudioService/Transcribe",
    "AudioService/ListVoices",
    "TranscriptionService/TranscribeStream",
    "LiveService/Converse",
    "ImagesService/GenerateImage",
    "ImagesService/GenerateImageStream",
    "ImagesService/EditImage",
    "ImagesService/EditImageStream",
    "ModelsService/ListModels",
  ],
  apiKeyRequired: true,
  baseUrlRequired: false,
  defaultBaseUrl: "https://api.openai.com/v1",
  tokenizer: "o200k",
  settingsSchema: {
    type: "object",
    properties: {
      api: {
        enum: ["responses", "chat"],
        description:
          "Which API serves chat: Responses, or the older chat completions. Found by the model when not set.",
      },
      speech: {
        enum: ["http", "realtime"],
        description: "Which API speaks: /audio/speech, or a Realtime session. Found by the model when not set.",
      },
    },
    additionalProperties: false,
  },
  create(connection, upstream) {
    return {
      chat: createOpenAIChat(kind, connection, upstream),
      models: createModels(connection, dialects.openai, upstream),
      speech: createOpenAISpeech(connection, upstream),
      transcription: createTranscription(connection, dialects.openai, upstream),
      liveTranscription: createLiveTranscription(connection, upstream),
      images: createOpenAIImages(connection, upstream),
      live: createLive(connection, upstream),
    };
  },
};
