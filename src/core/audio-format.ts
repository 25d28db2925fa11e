/**
 * The form of audio. Without a header: `audio/pcm` (16-bit signed, little-endian), `audio/ulaw`, `audio/alaw`; with one:
 * `audio/wav`, `audio/mpeg`, `audio/ogg`, `audio/flac`, `audio/aac`, `audio/webm`. A rate or count of 0 is not said.
 */
export interface AudioFormat {
  readonly mimeType: string;
  readonly sampleRateHertz: number;
  readonly channelCount: number;
}

/** A word and when it is heard, in milliseconds from the start of the audio. */
export interface Word {
  readonly text: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly confidence?: number;
  readonly speaker?: string;
}

const headerless = ["audio/pcm", "audio/ulaw", "audio/alaw"];

/** Whether the bytes are samples and nothing else. */
export function isHeaderless(mimeType: string): boolean {
  return headerless.includes(mimeType);
}
