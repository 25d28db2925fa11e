import type { MessageInitShape, JsonObject as ProtoJsonObject } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type {
  ModelSettingsSchema,
  ModelSettings as ProtoModelSettings,
  Provider as ProtoProvider,
  ProviderKindSchema,
  ProviderSchema,
} from "../../gen/livellm/v1/providers_service_pb.ts";
import type { JsonObject } from "../core/json.ts";
import type { ModelSettings, ProviderConfig, ProviderKind } from "../core/provider.ts";
import { obfuscate, Secret } from "../core/secret.ts";
import {
  contextPolicyFromProto,
  contextPolicyToProto,
  secretsFromProto,
  strategyFromProto,
  strategyToProto,
  targetFromProto,
  targetToProto,
} from "../messages/route.ts";
import type { ProviderDraft } from "../store/provider-store.ts";

/** A provider as the caller wrote it; output only fields are left out. */
export function draftFromProto(provider: ProtoProvider): ProviderDraft {
  return {
    id: provider.id,
    kind: provider.kind,
    displayName: provider.displayName,
    ...(provider.apiKey && { apiKey: new Secret(provider.apiKey) }),
    baseUrl: provider.baseUrl,
    headers: secretsFromProto(provider.headers),
    allowedModels: provider.allowedModels,
    blockedModels: provider.blockedModels,
    defaultOptions: fromStruct(provider.defaultOptions),
    labels: provider.labels,
    disabled: provider.disabled,
    defaultModel: provider.defaultModel,
    fallbackModel: provider.fallbackModel,
    models: provider.models.map(modelSettingsFromProto),
    settings: fromStruct(provider.settings),
  };
}

/** A kept provider; of its secrets only what they look like, and the names of its headers. */
export function providerToProto(config: ProviderConfig): MessageInitShape<typeof ProviderSchema> {
  return {
    ...draftToProto(config),
    readOnly: config.readOnly,
    createTime: timestampFromDate(config.createTime),
    updateTime: timestampFromDate(config.updateTime),
    etag: config.revision,
  };
}

/** A provider that was checked and is not kept: without times and etag. */
export function draftToProto(draft: ProviderDraft): MessageInitShape<typeof ProviderSchema> {
  return {
    id: draft.id,
    kind: draft.kind,
    displayName: draft.displayName,
    obfuscatedApiKey: draft.apiKey ? obfuscate(draft.apiKey) : "",
    baseUrl: draft.baseUrl,
    headerNames: Object.keys(draft.headers).sort(),
    allowedModels: [...draft.allowedModels],
    blockedModels: [...draft.blockedModels],
    defaultOptions: toStruct(draft.defaultOptions),
    labels: { ...draft.labels },
    disabled: draft.disabled,
    defaultModel: draft.defaultModel,
    fallbackModel: draft.fallbackModel,
    models: draft.models.map(modelSettingsToProto),
    settings: toStruct(draft.settings),
  };
}

export function kindToProto(kind: ProviderKind): MessageInitShape<typeof ProviderKindSchema> {
  return {
    kind: kind.kind,
    displayName: kind.displayName,
    rpcs: [...kind.rpcs],
    apiKeyRequired: kind.apiKeyRequired,
    baseUrlRequired: kind.baseUrlRequired,
    defaultBaseUrl: kind.defaultBaseUrl,
    settingsSchema: toStruct(kind.settingsSchema ?? {}),
  };
}

function modelSettingsFromProto(settings: ProtoModelSettings): ModelSettings {
  return {
    model: settings.model,
    fallbacks: settings.fallbacks.map(targetFromProto),
    strategy: strategyFromProto(settings.strategy),
    contextPolicy: contextPolicyFromProto(settings.contextPolicy),
  };
}

function modelSettingsToProto(settings: ModelSettings): MessageInitShape<typeof ModelSettingsSchema> {
  return {
    model: settings.model,
    fallbacks: settings.fallbacks.map(targetToProto),
    strategy: strategyToProto(settings.strategy),
    contextPolicy: contextPolicyToProto(settings.contextPolicy),
  };
}

function fromStruct(struct: ProtoJsonObject | undefined): JsonObject {
  return struct ?? {};
}

/** Left out when empty. protobuf-es does not declare what it only reads as readonly, hence the cast. */
function toStruct(value: JsonObject): ProtoJsonObject | undefined {
  return Object.keys(value).length === 0 ? undefined : (value as ProtoJsonObject);
}
