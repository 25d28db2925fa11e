/** Other names under which clients and vendors send the same forms. */
const aliases: Readonly<Record<string, string>> = {
  "audio/x-wav": "audio/wav",
  "audio/wave": "audio/wav",
  "audio/vnd.wave": "audio/wav",
  "audio/mp3": "audio/mpeg",
  "audio/opus": "audio/ogg",
  "audio/x-flac": "audio/flac",
  "audio/x-m4a": "audio/mp4",
  "audio/m4a": "audio/mp4",
  "audio/pcmu": "audio/ulaw",
  "audio/mulaw": "audio/ulaw",
  "audio/x-mulaw": "audio/ulaw",
  "audio/basic": "audio/ulaw",
  "audio/pcma": "audio/alaw",
  "audio/x-alaw": "audio/alaw",
};

/** A media type in the spelling of this server: lower case, without parameters, by its usual name. */
export function plainMediaType(mimeType: string): string {
  const plain = mimeType.replace(/;.*$/s, "").trim().toLowerCase();
  return aliases[plain] ?? plain;
}
