/** A container or coding that is recognised by its first bytes. */
export interface KnownAudio {
  /** As people call it. */
  readonly name: string;
  readonly mimeType: string;
}

/**
 * Recognises WAV, Ogg, WebM and Matroska, MP3 (with and without ID3), FLAC, MP4/M4A and AAC (ADTS) by their first
 * bytes. Undefined for samples without a header, and for what is not known. MP3 and AAC begin with as little as 11 bits
 * that samples have by chance too, so these two count only when a second frame follows where the first one ends.
 */
export function sniffAudio(bytes: Uint8Array): KnownAudio | undefined {
  if ((startsWith(bytes, 0, "RIFF") || startsWith(bytes, 0, "RF64")) && startsWith(bytes, 8, "WAVE")) return wav;
  const magic = magics.find(({ at, text }) => startsWith(bytes, at, text));
  if (magic) return magic.audio;
  if (hasTwoFrames(bytes, mp3FrameBytes)) return mp3;
  if (hasTwoFrames(bytes, adtsFrameBytes)) return aac;
  return undefined;
}

/** The name alone, such as "WebM". */
export function containerName(bytes: Uint8Array): string | undefined {
  return sniffAudio(bytes)?.name;
}

const mp3: KnownAudio = { name: "MP3", mimeType: "audio/mpeg" };
const aac: KnownAudio = { name: "AAC (ADTS)", mimeType: "audio/aac" };
const wav: KnownAudio = { name: "WAV", mimeType: "audio/wav" };

const magics: readonly { readonly at: number; readonly text: string; readonly audio: KnownAudio }[] = [
  { at: 0, text: "OggS", audio: { name: "Ogg", mimeType: "audio/ogg" } },
  { at: 0, text: "\x1a\x45\xdf\xa3", audio: { name: "WebM or Matroska", mimeType: "audio/webm" } },
  { at: 0, text: "ID3", audio: mp3 },
  { at: 0, text: "fLaC", audio: { name: "FLAC", mimeType: "audio/flac" } },
  { at: 4, text: "ftyp", audio: { name: "MP4 or M4A", mimeType: "audio/mp4" } },
];

function startsWith(bytes: Uint8Array, at: number, text: string): boolean {
  return bytes.length >= at + text.length && [...text].every((letter, i) => bytes[at + i] === letter.charCodeAt(0));
}

/** The length of the frame that starts at an offset; 0 when none does. */
type FrameBytes = (bytes: Uint8Array, at: number) => number;

function hasTwoFrames(bytes: Uint8Array, frameBytes: FrameBytes): boolean {
  const first = frameBytes(bytes, 0);
  return first > 0 && frameBytes(bytes, first) > 0;
}

const bitrates: Readonly<Record<string, readonly number[]>> = {
  "1/1": [32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
  "1/2": [32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
  "1/3": [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  "2/1": [32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
  "2/2": [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
  "2/3": [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
};

/** ISO/IEC 11172-3 and 13818-3: kbit/s by version and layer, hertz by version. */
function mp3FrameBytes(bytes: Uint8Array, at: number): number {
  const [sync = 0, kind = 0, rates = 0] = bytes.subarray(at, at + 3);
  if (sync !== 0xff || (kind & 0xe0) !== 0xe0) return 0;
  const version = (kind >> 3) & 3; // 0: 2.5, 2: 2, 3: 1
  const layer = 4 - ((kind >> 1) & 3); // 4 is reserved
  const kilobits = bitrates[`${version === 3 ? 1 : 2}/${layer}`]?.[(rates >> 4) - 1];
  const hertz = ([44_100, 48_000, 32_000][(rates >> 2) & 3] ?? 0) >> (version === 3 ? 0 : version === 2 ? 1 : 2);
  if (version === 1 || !kilobits || hertz === 0) return 0;
  const padding = (rates >> 1) & 1;
  if (layer === 1) return (Math.floor((12_000 * kilobits) / hertz) + padding) * 4;
  const samples = layer === 3 && version !== 3 ? 72_000 : 144_000;
  return Math.floor((samples * kilobits) / hertz) + padding;
}

/** ISO/IEC 14496-3, ADTS: a header of 7 bytes with the frame's length in bits 30 to 42. */
function adtsFrameBytes(bytes: Uint8Array, at: number): number {
  const [sync = 0, kind = 0, rate = 0, high = 0, middle = 0, low = 0] = bytes.subarray(at, at + 6);
  if (sync !== 0xff || (kind & 0xf6) !== 0xf0 || ((rate >> 2) & 15) > 12) return 0;
  const length = ((high & 3) << 11) | (middle << 3) | (low >> 5);
  return length >= 7 ? length : 0;
}
