import type { MessageInitShape } from "@bufbuild/protobuf";
import type { AudioFormat } from "../../gen/livellm/v1/audio_pb.ts";
import { AudioService, type SpeechConfigSchema } from "../../gen/livellm/v1/audio_service_pb.ts";
import type { RouteSchema } from "../../gen/livellm/v1/route_pb.ts";
import { LivellmError } from "../core/error.ts";
import { type AudioForm, usualRate } from "./audio-form.ts";
import type { Caller, Gateway } from "./gateway.ts";
import type { JsonObject } from "./json.ts";

/** Something to be said. */
export interface SpeechPlan {
  readonly route: MessageInitShape<typeof RouteSchema>;
  readonly text: string;
  readonly form: AudioForm;
  readonly settings: JsonObject;
  /** Audio without a header is cut into pieces of this length. */
  readonly chunkMs?: number;
}

/** Audio, or a piece of it, and its form. */
export interface SpokenAudio extends AudioForm {
  readonly audio: Uint8Array;
}

const { speak, speakStream } = AudioService.method;

/** What a `gen_config` may say that the contract has a field for. */
interface SpeechFields {
  readonly speed?: number;
  readonly instructions?: string;
  readonly languageCode?: string;
}

/** The settings that the contract has a field for; the rest goes to the provider as it is. */
export function splitSpeechSettings(settings: JsonObject): { fields: SpeechFields; options: JsonObject } {
  const { speed, instructions, language, language_code, ...options } = settings;
  const languageCode = language_code ?? language;
  return {
    fields: {
      ...(typeof speed === "number" && { speed }),
      ...(typeof instructions === "string" && { instructions }),
      ...(typeof languageCode === "string" && { languageCode }),
    },
    options,
  };
}

function configOf({ form, settings }: SpeechPlan): MessageInitShape<typeof SpeechConfigSchema> {
  const format = { mimeType: form.mimeType, sampleRateHertz: form.sampleRate };
  return { ...splitSpeechSettings(settings).fields, format };
}

/** Says it, and gives the whole audio. */
export async function speakWhole(gateway: Gateway, plan: SpeechPlan, caller: Caller): Promise<SpokenAudio> {
  const { route, text } = plan;
  const { audio, format } = await gateway.unary(speak, { route, text, config: configOf(plan) }, caller);
  return { audio, ...formOf(format, plan.form) };
}

/** Says it piece by piece. Silence yields one empty piece, so that its form is known. */
export async function* speakPieces(gateway: Gateway, plan: SpeechPlan, caller: Caller): AsyncGenerator<SpokenAudio> {
  const { route, text, chunkMs } = plan;
  const request = { route, text, config: configOf(plan), ...(chunkMs !== undefined && { chunkMs }) };
  let form = plan.form;
  let spoken = false;
  for await (const { event } of gateway.stream(speakStream, [request], caller)) {
    if (event.case === "started") form = formOf(event.value.format, plan.form);
    if (event.case === "audio") yield { audio: event.value.data, ...form };
    spoken ||= event.case === "audio";
    if (event.case !== "finished") continue;
    if (!spoken) yield { audio: new Uint8Array(), ...form };
    return;
  }
  throw new LivellmError("internal", "internal", "the speech ended without its end");
}

/** A provider that does not say its rate did not keep to the one that was asked for. */
function formOf(format: AudioFormat | undefined, asked: AudioForm): AudioForm {
  const mimeType = format?.mimeType.split(";", 1)[0] || asked.mimeType;
  const sampleRate = format ? format.sampleRateHertz : asked.sampleRate;
  return { mimeType, sampleRate: sampleRate || usualRate };
}
