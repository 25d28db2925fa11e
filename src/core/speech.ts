import type { AudioFormat, Word } from "./audio-format.ts";
import type { JsonObject } from "./json.ts";
import type { Warning } from "./route.ts";
import type { Usage } from "./usage.ts";

/** A text to speak, as an adapter gets it. */
export interface SpeechRequest {
  readonly model: string;
  readonly voice: string;
  readonly text: string;
  /** One of the adapter's own `formats`; the gateway converts from it to what the caller wants. */
  readonly format: AudioFormat;
  /** BCP-47; empty when not known. */
  readonly languageCode: string;
  /** 1 is the voice's own speed. */
  readonly speed?: number;
  readonly instructions: string;
  readonly wordTimings: boolean;
  readonly options: JsonObject;
  readonly requestId: string;
  readonly userId: string;
}

/**
 * What an adapter yields: `response` once, before any audio; audio and words; `finished` once, last. Audio may be cut at any
 * byte. A stream that ends before the vendor's own end is thrown as `stream_broken`.
 */
export type SpeechEvent =
  | {
      readonly type: "response";
      readonly model?: string;
      readonly requestId?: string;
      /** The form of the audio that follows. */
      readonly format: AudioFormat;
      readonly warnings?: readonly Warning[];
    }
  | { readonly type: "audio"; readonly data: Uint8Array }
  | { readonly type: "words"; readonly words: readonly Word[] }
  /** Sessions only: everything up to a flush has been spoken. */
  | { readonly type: "flushed" }
  /** Sessions only: what had not been spoken is forgotten; no more audio of it follows. */
  | { readonly type: "cleared" }
  | { readonly type: "finished"; readonly usage: Usage; readonly warnings?: readonly Warning[] };

/** What a caller of a speaking session sends. The end of the input is the end of the text. */
export type SpeechInput =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "flush" }
  | { readonly type: "clear" };

/** A voice of a provider. */
export interface Voice {
  readonly id: string;
  readonly displayName: string;
  readonly languageCodes: readonly string[];
  readonly description: string;
  readonly previewUrl: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** What a provider that speaks can do. */
export interface Speech {
  /** The forms that the model makes by itself, the preferred one first; a rate of 0 is the model's own. */
  formats(model: string): readonly AudioFormat[];
  stream(request: SpeechRequest, signal: AbortSignal): AsyncIterable<SpeechEvent>;
  /** The most characters that the model takes as one text; absent or undefined: as many as there are. */
  longestText?(model: string): number | undefined;
  /** For models that take a text while it is written; undefined for the others. */
  duplex?(model: string): SpeechSession | undefined;
  voices?(query: VoiceQuery, signal: AbortSignal): Promise<readonly Voice[]>;
}

/** Speaks a text while it is written. `response` means that the session is accepted. */
export type SpeechSession = (
  request: Omit<SpeechRequest, "text">,
  input: AsyncIterable<SpeechInput>,
  signal: AbortSignal,
) => AsyncIterable<SpeechEvent>;

/** Which voices are wanted; empty: all. */
export interface VoiceQuery {
  readonly model: string;
  readonly languageCode: string;
}
