import type { DescService } from "@bufbuild/protobuf";
import { AccessService } from "../../gen/livellm/v1/access_service_pb.ts";
import { AgentService } from "../../gen/livellm/v1/agent_service_pb.ts";
import { AudioService } from "../../gen/livellm/v1/audio_service_pb.ts";
import { ImagesService } from "../../gen/livellm/v1/images_service_pb.ts";
import { LiveService } from "../../gen/livellm/v1/live_service_pb.ts";
import { ModelsService } from "../../gen/livellm/v1/models_service_pb.ts";
import { ProvidersService } from "../../gen/livellm/v1/providers_service_pb.ts";
import { RoutesService } from "../../gen/livellm/v1/routes_service_pb.ts";
import { TranscriptionService } from "../../gen/livellm/v1/transcription_service_pb.ts";
import { createJsonSchemas } from "../agent/json-schema.ts";
import { type AccessServiceOptions, createAccessService } from "./access.ts";
import { type AgentServiceOptions, createAgentService } from "./agent.ts";
import { type AudioServiceOptions, createAudioService } from "./audio.ts";
import { conversationChecks } from "./conversation-checks.ts";
import type { FurtherChecks } from "./further-checks.ts";
import { createImagesService, type ImagesServiceOptions } from "./images.ts";
import { createLiveService, type LiveServiceOptions } from "./live.ts";
import { createModelsService, type ModelsServiceOptions } from "./models.ts";
import { createProvidersService, type ProvidersServiceOptions, providerChecks } from "./providers.ts";
import { createRoutesService, type RoutesServiceOptions, routeChecks } from "./routes.ts";
import { createTranscriptionService, type TranscriptionServiceOptions } from "./transcription.ts";

export type ServicesOptions = { readonly access: AccessServiceOptions } & AgentServiceOptions &
  AudioServiceOptions &
  ImagesServiceOptions &
  LiveServiceOptions &
  ModelsServiceOptions &
  ProvidersServiceOptions &
  RoutesServiceOptions &
  TranscriptionServiceOptions;

/** The services of the contract and what answers them. */
export function createServices(options: ServicesOptions) {
  return [
    { service: AgentService, implementation: createAgentService(options) },
    { service: ProvidersService, implementation: createProvidersService(options) },
    { service: AudioService, implementation: createAudioService(options) },
    { service: ImagesService, implementation: createImagesService(options) },
    { service: LiveService, implementation: createLiveService(options) },
    { service: ModelsService, implementation: createModelsService(options) },
    { service: RoutesService, implementation: createRoutesService(options) },
    { service: TranscriptionService, implementation: createTranscriptionService(options) },
    { service: AccessService, implementation: createAccessService(options.access) },
  ] satisfies readonly { service: DescService; implementation: object }[];
}

/** What the services check beyond the rules of single fields. */
export function createFurtherChecks(options: ServicesOptions): FurtherChecks {
  const { maxMediaBytes } = options;
  return new Map([
    ...conversationChecks({ schemas: createJsonSchemas(), maxMediaBytes }),
    ...providerChecks(options),
    ...routeChecks(options),
  ]);
}
