import type { ProviderKind } from "../../core/provider.ts";
import { createLiveTranscription } from "./live-transcription.ts";
import { createModels } from "./models.ts";
import { createSpeech } from "./speech.ts";
import { createTranscription } from "./transcription.ts";

/** ElevenLabs: speech, and transcription by Scribe. */
export const elevenlabs: ProviderKind = {
  kind: "elevenlabs",
  displayName: "ElevenLabs",
  rpcs: [
    "AudioService/Speak",
    "AudioService/SpeakStream",
    "AudioService/SpeakDuplex",
    "AudioService/Transcribe",
    "AudioService/ListVoices",
    "TranscriptionService/TranscribeStream",
    "ModelsService/ListModels",
  ],
  apiKeyRequired: true,
  baseUrlRequired: false,
  defaultBaseUrl: "https://api.elevenlabs.io",
  create: (connection, upstream) => ({
    speech: createSpeech(connection, upstream),
    transcription: createTranscription(connection, upstream),
    liveTranscription: createLiveTranscription(connection, upstream),
    models: createModels(connection, upstream),
  }),
};
