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

/**
 * What the parameters of a media type say of its samples, as in `audio/pcm;rate=16000;channels=1` (RFC 4856); 0 where they say
 * nothing.
 */
export function parametersOf(mimeType: string): Pick<AudioFormat, "sampleRateHertz" | "channelCount"> {
  const parameter = (name: string) =>
    Number(new RegExp(`;\\s*${name}="?(\\d{1,9})"?\\s*(?:;|$)`, "i").exec(mimeType)?.[1] ?? 0);
  return { sampleRateHertz: parameter("rate"), channelCount: parameter("channels") };
}
