import type { MessageInitShape, JsonObject as ProtoJsonObject } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Modality as ProtoModality } from "../../gen/livellm/v1/common_pb.ts";
import {
  type ModelRequirements,
  type ModelSchema,
  Capability as ProtoCapability,
  Feature as ProtoFeature,
} from "../../gen/livellm/v1/models_service_pb.ts";
import type { Modality } from "../core/chat.ts";
import type { ModelCapability, ModelFeature } from "../core/models.ts";
import type { KnownModel } from "../routing/known-model.ts";

/** What a model must be able to do, in core terms; what is absent does not matter. */
export interface Requirements {
  readonly capabilities: readonly ModelCapability[];
  readonly features: readonly ModelFeature[];
  readonly inputModalities: readonly Modality[];
  readonly outputModalities: readonly Modality[];
  readonly minContextWindow: number;
  readonly minOutputTokens: number;
  readonly languageCode: string;
  readonly providers: readonly string[];
  readonly local: boolean;
  readonly maxInputUsdPerMtok?: number;
  readonly maxOutputUsdPerMtok?: number;
}

export function requirementsFromProto(asked: ModelRequirements | undefined): Requirements {
  const capabilities = capabilitiesFromProto(asked?.capabilities ?? []);
  return {
    capabilities: capabilities.length > 0 ? capabilities : ["agent"],
    features: namesOf(featureNumbers, asked?.features ?? []),
    inputModalities: namesOf(modalityNumbers, asked?.inputModalities ?? []),
    outputModalities: namesOf(modalityNumbers, asked?.outputModalities ?? []),
    minContextWindow: asked?.minContextWindow ?? 0,
    minOutputTokens: asked?.minOutputTokens ?? 0,
    languageCode: asked?.languageCode ?? "",
    providers: asked?.providers ?? [],
    local: asked?.local ?? false,
    ...(asked?.maxInputUsdPerMtok !== undefined && { maxInputUsdPerMtok: asked.maxInputUsdPerMtok }),
    ...(asked?.maxOutputUsdPerMtok !== undefined && { maxOutputUsdPerMtok: asked.maxOutputUsdPerMtok }),
  };
}

/** What is not set, and what this version does not know, asks for nothing. */
export function capabilitiesFromProto(asked: readonly ProtoCapability[]): readonly ModelCapability[] {
  return namesOf(capabilityNumbers, asked);
}

export function modelToProto(model: KnownModel): MessageInitShape<typeof ModelSchema> {
  return {
    provider: model.provider,
    id: model.id,
    providerKind: model.providerKind,
    displayName: model.displayName ?? "",
    aliases: [...(model.aliases ?? [])],
    capabilities: (model.capabilities ?? []).map((name) => capabilityNumbers[name]),
    features: (model.features ?? []).map((name) => featureNumbers[name]),
    inputModalities: (model.inputModalities ?? []).map((name) => modalityNumbers[name]),
    outputModalities: (model.outputModalities ?? []).map((name) => modalityNumbers[name]),
    contextWindow: model.contextWindow,
    maxOutputTokens: model.maxOutputTokens,
    languageCodes: [...(model.languageCodes ?? [])],
    local: model.local ?? false,
    ...(model.pricing && { pricing: model.pricing }),
    ...(model.retireTime && { retireTime: timestampFromDate(model.retireTime) }),
    ...(model.metadata && { metadata: model.metadata as ProtoJsonObject }),
  };
}

function namesOf<Name extends string>(numbers: Readonly<Record<Name, number>>, asked: readonly number[]): Name[] {
  const names = Object.keys(numbers) as Name[]; // the keys of the table are its names
  return names.filter((name) => asked.includes(numbers[name]));
}

const capabilityNumbers = {
  agent: ProtoCapability.AGENT,
  speak: ProtoCapability.SPEAK,
  speak_duplex: ProtoCapability.SPEAK_DUPLEX,
  transcribe: ProtoCapability.TRANSCRIBE,
  transcribe_stream: ProtoCapability.TRANSCRIBE_STREAM,
  generate_image: ProtoCapability.GENERATE_IMAGE,
  edit_image: ProtoCapability.EDIT_IMAGE,
  live: ProtoCapability.LIVE,
} as const satisfies Readonly<Record<ModelCapability, ProtoCapability>>;

const featureNumbers = {
  tools: ProtoFeature.TOOLS,
  json_schema: ProtoFeature.JSON_SCHEMA,
  reasoning: ProtoFeature.REASONING,
  web_search: ProtoFeature.WEB_SEARCH,
  code_execution: ProtoFeature.CODE_EXECUTION,
} as const satisfies Readonly<Record<ModelFeature, ProtoFeature>>;

const modalityNumbers = {
  text: ProtoModality.TEXT,
  image: ProtoModality.IMAGE,
  audio: ProtoModality.AUDIO,
  video: ProtoModality.VIDEO,
  document: ProtoModality.DOCUMENT,
} as const satisfies Readonly<Record<Modality, ProtoModality>>;
