import type { MessageInitShape } from "@bufbuild/protobuf";
import { AudioService } from "../../gen/livellm/v1/audio_service_pb.ts";
import type { RouteSchema } from "../../gen/livellm/v1/route_pb.ts";
import { type OldUsage, usageOf } from "./agent-answer.ts";
import type { Caller, Gateway } from "./gateway.ts";
import type { JsonObject } from "./json.ts";

/** A file to be written down. */
export interface Recording {
  readonly filename: string;
  readonly bytes: Uint8Array;
  readonly contentType: string;
}

export interface TranscriptionPlan {
  readonly route: MessageInitShape<typeof RouteSchema>;
  readonly recording: Recording;
  /** As the client said it; `auto` and nothing are to be found out. */
  readonly language: string | undefined;
  readonly settings: JsonObject;
}

/** What livellm's clients and those of its predecessor read. */
export interface OldTranscript {
  readonly text: string;
  readonly language: string | null;
}

/** The same, with what it consumed. */
export interface CountedTranscript extends OldTranscript {
  readonly usage: OldUsage;
}

/** The settings that the contract has a field for; the rest goes to the provider as it is. */
export function splitTranscriptionSettings(settings: JsonObject): { prompt: string; options: JsonObject } {
  const { prompt, ...options } = settings;
  return { prompt: typeof prompt === "string" ? prompt : "", options };
}

/** Writes a recording down. The language is the one that was found, else the one that was given. */
export async function transcribeWhole(
  gateway: Gateway,
  plan: TranscriptionPlan,
  caller: Caller,
): Promise<CountedTranscript> {
  const { route, recording, language, settings } = plan;
  const given = language && language !== "auto" ? language : "";
  const { text, languageCode, usage } = await gateway.unary(
    AudioService.method.transcribe,
    {
      route,
      audio: mediaOf(recording),
      config: { languageCode: given, prompt: splitTranscriptionSettings(settings).prompt },
      ...rawFormat(recording),
    },
    caller,
  );
  return { text, language: languageCode || given || null, usage: usageOf(usage) };
}

function mediaOf({ bytes, contentType, filename }: Recording) {
  return { source: { case: "data" as const, value: bytes }, mimeType: contentType, filename: filename.slice(0, 255) };
}

/** Audio without a header says its rate in its media type, such as `audio/pcm;rate=16000`; where it does not, as livellm has it. */
function rawFormat({ contentType }: Recording) {
  const [type = ""] = contentType.split(";", 1);
  if (!/^audio\/(pcm|l16|x-pcm|ulaw|alaw|basic|pcmu|pcma)$/i.test(type.trim())) return {};
  const rate = Number(/;\s*rate=(\d+)/i.exec(contentType)?.[1] ?? (/pcm$|l16$/i.test(type) ? 24_000 : 8_000));
  const mimeType = /ulaw|basic|pcmu/i.test(type) ? "audio/ulaw" : /alaw|pcma/i.test(type) ? "audio/alaw" : "audio/pcm";
  return { format: { mimeType, sampleRateHertz: rate } };
}
