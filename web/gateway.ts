import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { AgentService } from "../gen/livellm/v1/agent_service_pb.ts";
import { AudioService } from "../gen/livellm/v1/audio_service_pb.ts";
import { ModelsService } from "../gen/livellm/v1/models_service_pb.ts";
import { ProvidersService } from "../gen/livellm/v1/providers_service_pb.ts";
import { withToken } from "./token.ts";

/** The gateway that has served this page. */
const baseUrl = location.origin;

/** As JSON, which a person can read in the browser's network log. */
const readable = createConnectTransport({ baseUrl, interceptors: [withToken] });
/** Audio would grow by a third. */
const binary = createConnectTransport({ baseUrl, useBinaryFormat: true, interceptors: [withToken] });

export const agent = createClient(AgentService, readable);
export const models = createClient(ModelsService, readable);
export const providers = createClient(ProvidersService, readable);
export const audio = createClient(AudioService, binary);
