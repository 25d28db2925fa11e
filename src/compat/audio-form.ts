/** The form of audio that a client asks for. */
export interface AudioForm {
  readonly mimeType: string;
  /** 0: the model's own. */
  readonly sampleRate: number;
}

/** The rate where nobody says one. */
export const usualRate = 24_000;

const types: Readonly<Record<string, string>> = {
  mp3: "audio/mpeg",
  mpeg: "audio/mpeg",
  wav: "audio/wav",
  ogg: "audio/ogg",
  opus: "audio/ogg",
  flac: "audio/flac",
  aac: "audio/aac",
  pcm: "audio/pcm",
  ulaw: "audio/ulaw",
  mulaw: "audio/ulaw",
  alaw: "audio/alaw",
};

/** The media type that a recording's name tells; undefined when it tells none. */
export function mediaTypeOfName(filename: string): string | undefined {
  const extension = /\.([a-z0-9]+)$/i.exec(filename)?.[1]?.toLowerCase() ?? "";
  return { ...types, m4a: "audio/mp4", mp4: "audio/mp4", oga: "audio/ogg", webm: "audio/webm" }[extension];
}

/** The names of forms that can be asked for, for messages. */
export const formNames = Object.keys(types).join(", ");

/**
 * Reads an `output_format`: a plain name such as `mp3`, or one of ElevenLabs' that says the rate, such as `mp3_44100_128` (the bit
 * rate is the model's to choose), or a media type. Without a rate, audio that cannot tell it itself has 24000. Undefined when
 * it is none of these.
 */
export function readOutputFormat(format: string): AudioForm | undefined {
  const [name = "", rate] = format
    .toLowerCase()
    .replace(/^audio\//, "")
    .split("_");
  const mimeType = types[name];
  if (mimeType === undefined || (rate !== undefined && !/^\d+$/.test(rate))) return undefined;
  if (rate !== undefined) return { mimeType, sampleRate: Number(rate) };
  return { mimeType, sampleRate: /pcm|law/.test(mimeType) ? usualRate : 0 };
}
