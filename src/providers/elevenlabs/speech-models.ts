/** What a model that speaks takes. */
export interface SpeechModel {
  /** Whether it can be told the language; the others find it out, and some refuse the field. */
  readonly language: boolean;
  /** Whether it speaks over a WebSocket: "Multi-context WebSockets are not available for the eleven_v3 model". */
  readonly sockets: boolean;
  /** The most characters of one text: help.elevenlabs.io, "What's the maximum amount of characters and text I can generate?" */
  readonly longestText: number;
}

export function speechModel(name: string): SpeechModel {
  return {
    language: /^eleven_(turbo_v2_5|flash_v2_5|v3)/.test(name),
    sockets: name !== "eleven_v3",
    longestText: longestText(name),
  };
}

function longestText(name: string): number {
  if (/^eleven_(turbo|flash)_v2_5/.test(name)) return 40_000;
  if (/^eleven_(turbo|flash)_v2/.test(name)) return 30_000;
  return name.startsWith("eleven_v3") ? 5_000 : 10_000;
}
