import type { AudioFormat } from "../core/audio-format.ts";
import { joinBytes } from "./pcm.ts";
import { type SampleEncoding, sampleBytes } from "./sample-encoding.ts";
import { badWav, type WavLayout } from "./wav-layout.ts";
import { WavReader } from "./wav-reader.ts";

const formatTags: Readonly<Record<string, number>> = { "audio/pcm": 1, "audio/alaw": 6, "audio/ulaw": 7 };

/** The size of what has no end yet. */
const open = 0xffffffff;

/**
 * The header before samples of a headerless form. Without a length it is that of a stream: readers then take what
 * follows as samples to the end, as ffmpeg, sox, browsers and {@link WavReader} do.
 */
export function wavHeader(samples: AudioFormat, dataBytes = open): Uint8Array {
  const chunks = [chunk("fmt ", formatBody(samples)), ...factChunk(samples, dataBytes), chunkHead("data", dataBytes)];
  const headerBytes = chunks.reduce((sum, { length }) => sum + length, 4);
  const size = Math.min(open, headerBytes + dataBytes + (dataBytes % 2));
  return new Uint8Array(Buffer.concat([chunkHead("RIFF", size), Buffer.from("WAVE"), ...chunks]));
}

/** All but PCM has the length of an extension, which is empty. */
function formatBody({ mimeType, sampleRateHertz, channelCount }: AudioFormat): Buffer {
  const tag = formatTags[mimeType];
  if (tag === undefined) throw new RangeError(`WAV cannot hold ${mimeType}`);
  const sampleSize = tag === 1 ? 2 : 1;
  const channels = channelCount || 1;
  const body = Buffer.alloc(tag === 1 ? 16 : 18);
  body.writeUInt16LE(tag, 0);
  body.writeUInt16LE(channels, 2);
  body.writeUInt32LE(sampleRateHertz, 4);
  body.writeUInt32LE(sampleRateHertz * channels * sampleSize, 8);
  body.writeUInt16LE(channels * sampleSize, 12);
  body.writeUInt16LE(sampleSize * 8, 14);
  return body;
}

/** The number of frames, which all but PCM has to have. */
function factChunk({ mimeType, channelCount }: AudioFormat, dataBytes: number): readonly Buffer[] {
  if (mimeType === "audio/pcm") return [];
  const body = Buffer.alloc(4);
  body.writeUInt32LE(dataBytes === open ? open : Math.floor(dataBytes / (channelCount || 1)));
  return [chunk("fact", body)];
}

function chunk(name: string, body: Buffer): Buffer {
  return Buffer.concat([chunkHead(name, body.length), body]);
}

function chunkHead(name: string, size: number): Buffer {
  const head = Buffer.alloc(8);
  head.write(name, "latin1");
  head.writeUInt32LE(size, 4);
  return head;
}

/** Samples of a headerless form as a WAV file. Throws a RangeError above 4 GiB, which no WAV file can have. */
export function writeWav(samples: AudioFormat, data: Uint8Array): Uint8Array {
  const padded = data.length % 2 === 0 ? data : joinBytes(data, new Uint8Array(1));
  return joinBytes(wavHeader(samples, data.length), padded);
}

/** A WAV file taken apart. */
export interface WavFile {
  readonly layout: WavLayout;
  /** Whole frames, in the layout's encoding. */
  readonly data: Uint8Array;
  readonly durationMs: number;
}

/** Reads a whole WAV file. Throws `invalid_argument` that says what is wrong. */
export function readWav(bytes: Uint8Array): WavFile {
  const reader = new WavReader();
  const data = reader.push(bytes);
  reader.end();
  const { layout } = reader;
  if (!layout) throw badWav("it has no fmt chunk");
  const frameBytes = sampleBytes[layout.encoding] * layout.channelCount;
  const frames = Math.floor(data.length / frameBytes);
  return {
    layout,
    data: data.subarray(0, frames * frameBytes),
    durationMs: Math.round((frames * 1000) / layout.sampleRateHertz),
  };
}

/** The same WAV file with its real lengths, where a writer that streamed had left them open. */
export function closeWav(bytes: Uint8Array): Uint8Array {
  const { data } = readWav(bytes);
  if (data.length === 0) return bytes;
  const start = data.byteOffset - bytes.byteOffset;
  const size = new DataView(bytes.buffer, data.byteOffset - 4).getUint32(0, true);
  if (size !== 0 && size !== open) return bytes;
  const closed = Buffer.from(bytes); // a copy
  closed.writeUInt32LE(closed.length - 8, 4);
  closed.writeUInt32LE(closed.length - start, start - 4);
  return new Uint8Array(closed);
}

/** The headerless form that a WAV file's samples already have; undefined when they have to be converted. */
export function samplesFormat({ encoding, sampleRateHertz, channelCount }: WavLayout): AudioFormat | undefined {
  const mimeType = headerless[encoding];
  return mimeType === undefined ? undefined : { mimeType, sampleRateHertz, channelCount };
}

const headerless: Partial<Record<SampleEncoding, string>> = {
  pcm16: "audio/pcm",
  ulaw: "audio/ulaw",
  alaw: "audio/alaw",
};
