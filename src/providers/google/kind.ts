import type { ProviderKind } from "../../core/provider.ts";
import { createChat } from "./chat.ts";
import { createLive } from "./conversation.ts";
import { createImages } from "./images.ts";
import { createLiveTranscription } from "./live-transcription.ts";
import { createModels } from "./models.ts";
import { createSpeech } from "./speech.ts";
import { createTranscription } from "./transcription.ts";

const kind = "google";

/** Google's Gemini API for developers, v1beta: `generateContent`, and the Live API for conversations and live transcription. */
export const google: ProviderKind = {
  kind,
  displayName: "Google Gemini",
  conventionalName: "gcp.gemini",
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
  defaultBaseUrl: "https://generativelanguage.googleapis.com",
  create(connection, upstream) {
    return {
      chat: createChat(kind, connection, upstream),
      models: createModels(connection, upstream),
      speech: createSpeech(connection, upstream),
      transcription: createTranscription(connection, upstream),
      liveTranscription: createLiveTranscription(connection, upstream),
      images: createImages(connection, upstream),
      live: createLive(kind, connection, upstream),
    };
  },
};
