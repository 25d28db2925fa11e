import type { TranscribeRequest } from "../../gen/livellm/v1/audio_service_pb.ts";
import type { Media } from "../../gen/livellm/v1/message_pb.ts";
import { convertAudio } from "../audio/convert.ts";
import { plainMediaType } from "../audio/media-type.ts";
import { type KnownAudio, sniffAudio } from "../audio/sniff.ts";
import { readWav, writeWav } from "../audio/wav.ts";
import { type AudioFormat, isHeaderless, parametersOf } from "../core/audio-format.ts";
import { invalidRequest, type Violation, type ViolationReason } from "../core/error.ts";
import type { TranscriptionRequest } from "../core/transcription.ts";
import { formatFromProto } from "./audio-messages.ts";
import { readDataUri } from "./data-uri.ts";

type Recording = Pick<TranscriptionRequest, "audio" | "mimeType" | "filename" | "durationMs">;

/**
 * The recording of a request, with a header: files as they are, samples wrapped as WAV. Throws every violation at once, with
 * its path, before any provider is called.
 */
export function recordingFromProto(request: TranscribeRequest): Recording {
  const { bytes, mimeType, said, field } = bytesOf(request.audio);
  if (bytes.length === 0) throw wrong(field, "REQUIRED", "the recording is empty");
  const filename = request.audio?.filename ?? "";
  const format = formatFromProto(request.format);
  const samples = samplesFormat(mimeType, { said, format });
  return samples ? wrapped(bytes, samples, { field, filename }) : file(bytes, mimeType, { field, filename });
}

interface Named {
  readonly field: string;
  readonly filename: string;
}

interface Given {
  readonly bytes: Uint8Array;
  readonly mimeType: string;
  /** What the media type says besides. */
  readonly said: Parameters;
  readonly field: string;
}

type Parameters = Pick<AudioFormat, "sampleRateHertz" | "channelCount">;

function bytesOf(audio: Media | undefined): Given {
  const typed = (mimeType: string) => ({ mimeType: plainMediaType(mimeType), said: parametersOf(mimeType) });
  const given = audio?.mimeType ?? "";
  if (audio?.source.case === "data") return { bytes: audio.source.value, ...typed(given), field: "audio.data" };
  const inline = readInline(audio?.source.value ?? "");
  return { bytes: inline.data, ...typed(given || inline.mimeType), field: "audio.uri" };
}

function readInline(uri: string): { readonly data: Uint8Array; readonly mimeType: string } {
  const inline = readable(uri);
  if (inline) return inline;
  const description = "this server does not fetch recordings: send the bytes in audio.data, or a data: URI";
  throw wrong("audio.uri", "UNSUPPORTED", description);
}

function readable(uri: string): ReturnType<typeof readDataUri> {
  try {
    return readDataUri(uri);
  } catch (error) {
    throw wrong("audio.uri", "PATTERN", error instanceof Error ? error.message : "cannot be read");
  }
}

/** What the samples are, when it is samples; `audio.mime_type` or `format` may say so, and must not disagree. */
function samplesFormat(
  mimeType: string,
  { said: parameters, format }: { readonly said: Parameters; readonly format: AudioFormat | undefined },
): AudioFormat | undefined {
  const said = isHeaderless(mimeType) ? mimeType : undefined;
  const inFormat = format && isHeaderless(format.mimeType) ? format.mimeType : undefined;
  if (said && inFormat && said !== inFormat) {
    throw wrong("format.mimeType", "CONFLICT", `audio.mimeType says ${said}, and format ${inFormat}; say one of them`);
  }
  const samples = said ?? (isFile(mimeType) ? undefined : inFormat);
  if (samples === undefined) return undefined;
  const sampleRateHertz = format?.sampleRateHertz || parameters.sampleRateHertz;
  const channelCount = format?.channelCount || parameters.channelCount;
  if (sampleRateHertz >= 8_000 && sampleRateHertz <= 48_000 && channelCount <= 2) {
    return { mimeType: samples, sampleRateHertz, channelCount };
  }
  const description = `is required for ${samples}, which has no header: 8000 to 48000, such as 16000`;
  throw wrong("format.sampleRateHertz", "REQUIRED", description);
}

/** A type that says of itself that there is a header. */
function isFile(mimeType: string): boolean {
  return /^(audio|video)\//.test(mimeType) && !isHeaderless(mimeType);
}

function wrapped(bytes: Uint8Array, samples: AudioFormat, { field, filename }: Named): Recording {
  const found = sniffAudio(bytes);
  if (found) throw notSamples(field, found, samples);
  const frameBytes = (samples.mimeType === "audio/pcm" ? 2 : 1) * (samples.channelCount || 1);
  if (bytes.length % frameBytes !== 0) {
    const description = `has ${bytes.length} bytes, which are no whole number of samples of ${frameBytes} bytes`;
    throw wrong(field, "PATTERN", description);
  }
  const pcm = { ...samples, mimeType: "audio/pcm", channelCount: samples.channelCount || 1 };
  return {
    audio: writeWav(pcm, convertAudio(bytes, samples, pcm)),
    mimeType: "audio/wav",
    filename: `${nameOf(filename)}.wav`,
    durationMs: (bytes.length / frameBytes / samples.sampleRateHertz) * 1000,
  };
}

function notSamples(field: string, { name, mimeType }: KnownAudio, samples: AudioFormat) {
  return wrong(field, "CONFLICT", `is ${name}, and not ${samples.mimeType}: set audio.mimeType to ${mimeType}`);
}

/** As it is; what it is, its first bytes know best. */
function file(bytes: Uint8Array, mimeType: string, { field, filename }: Named): Recording {
  const found = sniffAudio(bytes);
  const type = found && !isVideo(mimeType) ? found.mimeType : mimeType;
  if (!isFile(type)) throw notAudio(mimeType);
  if (!found && recognised.includes(type)) {
    throw wrong(field, "CONFLICT", `does not begin like ${type}; samples without a header are audio/pcm`);
  }
  const durationMs = type === "audio/wav" ? readWav(bytes).durationMs : undefined;
  if (durationMs === 0) throw wrong(field, "REQUIRED", "the recording is empty: a header without samples");
  const name = filename || `audio.${extensions[type] ?? "bin"}`;
  return { audio: bytes, mimeType: type, filename: name, ...(durationMs !== undefined && { durationMs }) };
}

/** Types whose files all begin in one way. */
const recognised = ["audio/wav", "audio/ogg", "audio/webm", "audio/flac", "audio/mp4"];

function isVideo(mimeType: string): boolean {
  return mimeType.startsWith("video/");
}

function notAudio(mimeType: string) {
  const description = `${mimeType || "what it is"} is not known as audio; say audio/wav, audio/mpeg, audio/ogg, audio/webm, audio/flac, audio/mp4 or audio/aac, or give format`;
  return wrong("audio.mimeType", "UNSUPPORTED", description);
}

const extensions: Readonly<Record<string, string>> = {
  "audio/wav": "wav",
  "audio/mpeg": "mp3",
  "audio/ogg": "ogg",
  "audio/webm": "webm",
  "audio/flac": "flac",
  "audio/mp4": "m4a",
  "audio/aac": "aac",
  "video/mp4": "mp4",
  "video/webm": "webm",
};

function nameOf(filename: string): string {
  return filename.replace(/\.[^.]*$/, "") || "audio";
}

function wrong(field: string, reason: ViolationReason, description: string) {
  const violation: Violation = { field, reason, description };
  return invalidRequest([violation]);
}
