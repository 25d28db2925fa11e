import type { ServiceImpl } from "@connectrpc/connect";
import type { AudioService } from "../../gen/livellm/v1/audio_service_pb.ts";
import type { ModelsService } from "../../gen/livellm/v1/models_service_pb.ts";
import type { TranscriptionService } from "../../gen/livellm/v1/transcription_service_pb.ts";
import { LivellmError } from "../core/error.ts";

/** The RPCs of the contract that this version does not serve; each says so. */
function refuse(what: string): () => never {
  return () => {
    throw new LivellmError("unimplemented", "unsupported", `this version of livellm does not serve ${what} yet`);
  };
}

// biome-ignore lint/correctness/useYield: the contract's streams that are not served have nothing to send
async function* refuseStream(what: string): AsyncGenerator<never> {
  refuse(what)();
}

export const audioService: ServiceImpl<typeof AudioService> = {
  speak: refuse("speech"),
  speakStream: () => refuseStream("speech"),
  speakDuplex: () => refuseStream("speech"),
  transcribe: refuse("transcription"),
  listVoices: refuse("speech"),
};

export const modelsService: ServiceImpl<typeof ModelsService> = {
  listModels: refuse("model listing"),
  getModel: refuse("model listing"),
  findBestModel: refuse("model search"),
};

export const transcriptionService: ServiceImpl<typeof TranscriptionService> = {
  transcribeStream: () => refuseStream("live transcription"),
};
