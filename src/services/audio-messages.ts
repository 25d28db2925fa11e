import type { MessageInitShape } from "@bufbuild/protobuf";
import type { AudioFormatSchema, AudioFormat as ProtoAudioFormat, WordSchema } from "../../gen/livellm/v1/audio_pb.ts";
import type {
  ListVoicesResponseSchema,
  SpeakDuplexRequest,
  SpeakDuplexResponseSchema,
  SpeakDuplexStart,
  SpeakRequest,
  SpeakResponseSchema,
  SpeakStreamRequest,
  SpeakStreamResponseSchema,
  TranscribeResponseSchema,
} from "../../gen/livellm/v1/audio_service_pb.ts";
import type {
  TranscriptionConfig as ProtoTranscriptionConfig,
  TranscriptSegmentSchema,
} from "../../gen/livellm/v1/transcript_pb.ts";
import { plainMediaType } from "../audio/media-type.ts";
import { type AudioFormat, parametersOf, type Word } from "../core/audio-format.ts";
import { invalidRequest, LivellmError } from "../core/error.ts";
import type { RouteResult } from "../core/route.ts";
import type { SpeechInput, SpeechRequest, Voice } from "../core/speech.ts";
import type { TranscribedSegment, TranscriptionConfig, TranscriptionResult } from "../core/transcription.ts";
import type { SpeakEvent } from "../live/speak-event.ts";
import type { WholeSpeech } from "../live/speak-whole.ts";
import { attemptToProto, routeResultToProto, usageToProto, warningToProto } from "../messages/route.ts";

/** Undefined when nothing in it is set. */
export function formatFromProto(format: ProtoAudioFormat | undefined): AudioFormat | undefined {
  if (!format || (format.mimeType === "" && format.sampleRateHertz === 0 && format.channelCount === 0))
    return undefined;
  const said = parametersOf(format.mimeType);
  return {
    mimeType: plainMediaType(format.mimeType),
    sampleRateHertz: format.sampleRateHertz || said.sampleRateHertz,
    channelCount: format.channelCount || said.channelCount,
  };
}

export function formatToProto(format: AudioFormat): MessageInitShape<typeof AudioFormatSchema> {
  return { ...format };
}

/** What a request to speak says to every target. */
export function speechRequestFromProto(request: SpeakRequest | SpeakStreamRequest | SpeakDuplexStart): {
  readonly request: Omit<SpeechRequest, "model" | "voice" | "options" | "format" | "text">;
  readonly format: AudioFormat | undefined;
} {
  const { config, caller } = request;
  return {
    request: {
      languageCode: config?.languageCode ?? "",
      speed: config?.speed,
      instructions: config?.instructions ?? "",
      wordTimings: config?.wordTimings ?? false,
      requestId: caller?.requestId ?? "",
      userId: caller?.userId ?? "",
    },
    format: checkedFormat(formatFromProto(config?.format)),
  };
}

/** A rate without a form says nothing: a rate of what? */
function checkedFormat(format: AudioFormat | undefined): AudioFormat | undefined {
  if (format?.mimeType !== "") return format;
  const description = "is required with a sample rate or channel count, such as audio/pcm";
  throw invalidRequest([{ field: "config.format.mimeType", description, reason: "REQUIRED" }]);
}

/** Undefined for what this version does not know. */
export function speechInputFromProto({ input }: SpeakDuplexRequest): SpeechInput | undefined {
  switch (input.case) {
    case "text":
      return { type: "text", text: input.value.text };
    case "flush":
      return { type: "flush" };
    case "clear":
      return { type: "clear" };
    case "start":
    case undefined:
      return undefined;
    default:
      return input satisfies never;
  }
}

export function speechToProto(speech: WholeSpeech): MessageInitShape<typeof SpeakResponseSchema> {
  return {
    audio: speech.audio as Bytes,
    format: formatToProto(speech.format),
    durationMs: speech.durationMs,
    words: speech.words.map(wordToProto),
    usage: usageToProto(speech.usage),
    routeResult: routeResultToProto(speech.routeResult),
    warnings: speech.warnings.map(warningToProto),
  };
}

type DuplexEvent = MessageInitShape<typeof SpeakDuplexResponseSchema>["event"];
type StreamEvent = MessageInitShape<typeof SpeakStreamResponseSchema>["event"];

/** One event of a speech that follows a writer. */
export function duplexEventToProto(event: SpeakEvent): DuplexEvent {
  if (event.type === "flushed" || event.type === "cleared") return { case: event.type, value: {} };
  return speakEventToProto(event);
}

/** One event of the speech of a text, in which nothing is flushed or cleared. */
export function speakEventToProto(event: SpeakEvent): StreamEvent {
  switch (event.type) {
    case "attempt-failed":
      return { case: "attemptFailed", value: attemptToProto(event.attempt) };
    case "started":
      return {
        case: "started",
        value: {
          routeResult: routeResultToProto(event.routeResult),
          format: formatToProto(event.format),
          warnings: event.warnings.map(warningToProto),
        },
      };
    case "audio":
      return { case: "audio", value: { data: event.data as Bytes } };
    case "words":
      return { case: "words", value: { words: event.words.map(wordToProto) } };
    case "heartbeat":
      return { case: "heartbeat", value: {} };
    case "finished":
      return {
        case: "finished",
        value: {
          durationMs: event.durationMs,
          usage: usageToProto(event.usage),
          routeResult: routeResultToProto(event.routeResult),
          warnings: event.warnings.map(warningToProto),
        },
      };
    case "flushed":
    case "cleared":
      throw new LivellmError("internal", "internal", `the speech of a text was ${event.type}`);
    default:
      return event satisfies never;
  }
}

type Bytes = Uint8Array<ArrayBuffer>;

export function transcriptionConfigFromProto(config: ProtoTranscriptionConfig | undefined): TranscriptionConfig {
  return {
    languageCode: config?.languageCode ?? "",
    prompt: config?.prompt ?? "",
    phrases: config?.phrases ?? [],
    wordTimings: config?.wordTimings ?? false,
    speakerLabels: config?.speakerLabels ?? false,
  };
}

export function transcriptionToProto(
  result: TranscriptionResult & { readonly routeResult: RouteResult },
): MessageInitShape<typeof TranscribeResponseSchema> {
  return {
    text: result.text,
    languageCode: result.languageCode ?? "",
    durationMs: rounded(result.durationMs),
    segments: result.segments.map((segment, index) => segmentToProto({ ...segment, index, final: true })),
    usage: usageToProto(result.usage),
    routeResult: routeResultToProto(result.routeResult),
    warnings: (result.warnings ?? []).map(warningToProto),
  };
}

export function segmentToProto(
  segment: TranscribedSegment & { readonly index: number; readonly final: boolean; readonly stability?: number },
): MessageInitShape<typeof TranscriptSegmentSchema> {
  return {
    index: segment.index,
    text: segment.text,
    isFinal: segment.final,
    stability: segment.final ? undefined : segment.stability,
    confidence: segment.final ? segment.confidence : undefined,
    startMs: rounded(segment.startMs),
    endMs: rounded(segment.endMs),
    words: (segment.words ?? []).map(wordToProto),
    languageCode: segment.languageCode ?? "",
    speaker: segment.speaker ?? "",
  };
}

function wordToProto(word: Word): MessageInitShape<typeof WordSchema> {
  const { text, startMs, endMs, confidence, speaker } = word;
  return { text, startMs: Math.round(startMs), endMs: Math.round(endMs), confidence, speaker: speaker ?? "" };
}

function rounded(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.round(ms);
}

export function voiceToProto(
  voice: Voice,
): NonNullable<MessageInitShape<typeof ListVoicesResponseSchema>["voices"]>[0] {
  return { ...voice, languageCodes: [...voice.languageCodes], labels: { ...voice.labels } };
}
