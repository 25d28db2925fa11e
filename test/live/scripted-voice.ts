import type { AudioFormat } from "../../src/core/audio-format.ts";
import type { Speech, SpeechEvent, SpeechRequest, SpeechSession, Voice, VoiceQuery } from "../../src/core/speech.ts";
import type { Usage } from "../../src/core/usage.ts";
import { numberedSamples } from "./numbered-audio.ts";

export type VoiceScript = (request: SpeechRequest, signal: AbortSignal, call: number) => AsyncGenerator<SpeechEvent>;

export interface ScriptedVoice extends Speech {
  readonly requests: readonly SpeechRequest[];
  readonly signals: readonly AbortSignal[];
  readonly queries: readonly VoiceQuery[];
}

const pcm24k: AudioFormat = { mimeType: "audio/pcm", sampleRateHertz: 24_000, channelCount: 1 };

/** A voice that does what its script says, and remembers what it was asked. */
export function createVoice(
  script: VoiceScript,
  options: {
    readonly formats?: readonly AudioFormat[];
    readonly voices?: readonly Voice[];
    readonly duplex?: SpeechSession;
    readonly longestText?: number;
  } = {},
): ScriptedVoice {
  const requests: SpeechRequest[] = [];
  const signals: AbortSignal[] = [];
  const queries: VoiceQuery[] = [];
  const { formats = [pcm24k], voices, duplex, longestText } = options;
  return {
    requests,
    signals,
    queries,
    formats: () => formats,
    stream(request, signal) {
      requests.push(request);
      signals.push(signal);
      return script(request, signal, requests.length - 1);
    },
    ...(duplex && { duplex: () => duplex }),
    ...(longestText !== undefined && { longestText: () => longestText }),
    ...(voices && {
      voices: async (query: VoiceQuery) => {
        queries.push(query);
        return voices;
      },
    }),
  };
}

/** So much numbered audio, cut at any byte. */
export function speaks(
  format: AudioFormat,
  milliseconds: number,
  { pieceBytes = 4096, usage = {} }: { readonly pieceBytes?: number; readonly usage?: Usage } = {},
): VoiceScript {
  return async function* () {
    yield { type: "response", format };
    const audio = numberedSamples(0, (milliseconds * (format.sampleRateHertz || 24_000)) / 1000);
    for (let at = 0; at < audio.length; at += pieceBytes) {
      yield { type: "audio", data: audio.subarray(at, at + pieceBytes) };
    }
    yield { type: "finished", usage };
  };
}
