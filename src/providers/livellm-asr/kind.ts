import type { ProviderKind } from "../../core/provider.ts";
import { createLiveTranscription } from "./live-transcription.ts";
import { settingsSchema } from "./settings.ts";

/** A recogniser of one's own that speaks the protocol of livellm's. */
export const livellmAsr: ProviderKind = {
  kind: "livellm-asr",
  displayName: "livellm ASR",
  keepsTrace: true,
  rpcs: ["TranscriptionService/TranscribeStream"],
  apiKeyRequired: false,
  baseUrlRequired: true,
  defaultBaseUrl: "",
  settingsSchema,
  create: (connection, upstream) => ({ liveTranscription: createLiveTranscription(connection, upstream) }),
};
