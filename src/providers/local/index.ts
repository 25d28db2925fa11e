import type { ProviderKind } from "../../core/provider.ts";
import { echo } from "./echo.ts";
import { createLocalEngine, type LocalEngine } from "./engine.ts";
import { createLive } from "./live.ts";
import { createLiveTranscription } from "./live-transcription.ts";
import { createModels } from "./models.ts";
import { createSpeech } from "./speech.ts";
import { createTranscription } from "./transcription.ts";

export { createLocalEngine, type LocalEngine };

/** What runs in this process and needs no key: the model `echo`, and speech both ways by an engine. */
export function createLocal(engine: LocalEngine): ProviderKind {
  return {
    kind: "local",
    displayName: "Local engine",
    rpcs: [
      "AgentService/Run",
      "AgentService/RunStream",
      "AudioService/ListVoices",
      "AudioService/Speak",
      "AudioService/SpeakDuplex",
      "AudioService/SpeakStream",
      "AudioService/Transcribe",
      "LiveService/Converse",
      "ModelsService/ListModels",
      "TranscriptionService/TranscribeStream",
    ],
    apiKeyRequired: false,
    baseUrlRequired: false,
    defaultBaseUrl: "",
    create: () => ({
      chat: echo,
      models: createModels(engine),
      speech: createSpeech(engine),
      transcription: createTranscription(engine),
      liveTranscription: createLiveTranscription(engine),
      live: createLive(engine),
    }),
  };
}
