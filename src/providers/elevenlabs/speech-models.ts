/** What a model that speaks takes. */
export interface SpeechModel {
  /** Whether it can be told the language; the others find it out, and some refuse the field. */
  readonly language: boolean;
  /** Whether it speaks over a WebSocket: "Multi-context WebSockets are not available for the eleven_v3 model". */
  readonly sockets: boolean;
}

export function speechModel(name: string): SpeechModel {
  return { language: /^eleven_(turbo_v2_5|flash_v2_5|v3)/.test(name), sockets: name !== "eleven_v3" };
}
