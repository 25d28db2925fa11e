import type { MessageInitShape } from "@bufbuild/protobuf";
import { type CallerInfoSchema, Modality } from "../../../gen/livellm/v1/common_pb.ts";
import type { ConversationStartSchema } from "../../../gen/livellm/v1/live_service_pb.ts";
import type { MessageSchema } from "../../../gen/livellm/v1/message_pb.ts";
import type { JsonObject, JsonValue } from "../json.ts";
import { usualRateHertz } from "./gemini-live-message.ts";

/** How a live session is opened. */
export interface LiveSettings {
  /** As `provider/model`, in the order in which they are tried. */
  readonly models: readonly string[];
  readonly voice: string;
  readonly instructions: string;
  readonly spoken: boolean;
  readonly temperature: number;
  readonly maxTokens: number;
  /** Of the client's audio. */
  readonly sampleRateHertz: number;
  /** Whether the client wants to be told of more than the old system told. */
  readonly events: boolean;
  readonly caller: MessageInitShape<typeof CallerInfoSchema>;
}

/** What the old system had, whatever a client said: text, 0.7, 1000 tokens. */
export function usualSettings(models: readonly string[]): LiveSettings {
  return {
    models,
    voice: "",
    instructions: "",
    spoken: false,
    temperature: 0.7,
    maxTokens: 1000,
    sampleRateHertz: usualRateHertz,
    events: false,
    caller: {},
  };
}

/** What a client's `config` changes; fields that make no sense are passed over, as all of them were. */
export function withConfig(settings: LiveSettings, fields: JsonObject): LiveSettings {
  const model = textOf(fields.model).replace(/^models\//, "");
  const modalities = fields.response_modalities ?? fields.responseModalities ?? fields.modalities;
  return {
    ...settings,
    models: model === "" ? settings.models : [withProvider(model, settings.models)],
    voice: textOf(fields.voice) || settings.voice,
    instructions: textOf(fields.system_instruction ?? fields.systemInstruction) || settings.instructions,
    spoken: Array.isArray(modalities) ? modalities.some((one) => /^audio$/i.test(textOf(one))) : settings.spoken,
    temperature: within(fields.temperature, 0, 2) ?? settings.temperature,
    maxTokens: within(fields.max_tokens, 1, 8192) ?? settings.maxTokens,
    events: fields.events === undefined ? settings.events : fields.events === true,
    caller: { ...settings.caller, ...callerIn(fields) },
  };
}

/** A model that is named alone is one of the provider that serves the others. */
function withProvider(model: string, [first = ""]: readonly string[]): string {
  return model.includes("/") ? model : `${first.slice(0, first.indexOf("/") + 1)}${model}`;
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === "string" ? value : "";
}

function within(value: JsonValue | undefined, least: number, most: number): number | undefined {
  return typeof value === "number" && value >= least && value <= most ? value : undefined;
}

/** Empty ones fall through to the headers. */
function callerIn(fields: JsonObject): MessageInitShape<typeof CallerInfoSchema> {
  const names = [
    ["app", "app"],
    ["clientId", "client_id"],
    ["device", "device"],
    ["userId", "user_id"],
    ["sessionId", "session_id"],
    ["requestId", "request_id"],
  ] as const;
  const said = names.map(([name, old]) => [name, textOf(fields[old]).slice(0, 128)] as const);
  return Object.fromEntries(said.filter(([, value]) => value !== ""));
}

/** The conversation's start. */
export function startOf(
  settings: LiveSettings,
  messages: readonly MessageInitShape<typeof MessageSchema>[],
): MessageInitShape<typeof ConversationStartSchema> {
  const { models, voice, instructions, spoken, temperature, maxTokens, sampleRateHertz, events, caller } = settings;
  return {
    route: { targets: models.map((name) => ({ ...targetOf(name), voice })) },
    messages: [...messages],
    format: { mimeType: "audio/pcm", sampleRateHertz },
    config: {
      instructions,
      generation: { temperature, maxOutputTokens: maxTokens, ...(spoken && { outputModalities: [Modality.AUDIO] }) },
      ...(spoken && { speech: { format: { mimeType: "audio/pcm", sampleRateHertz: spokenRateHertz } } }),
      ...(events && { inputTranscription: {} }),
    },
    caller,
  };
}

/** What clients of the old system play. */
export const spokenRateHertz = 24_000;

function targetOf(name: string): { readonly provider?: string; readonly model: string } {
  const slash = name.indexOf("/");
  return slash < 0 ? { model: name } : { provider: name.slice(0, slash), model: name.slice(slash + 1) };
}
