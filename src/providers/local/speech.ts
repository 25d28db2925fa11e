import { createConverter } from "../../audio/convert.ts";
import type { AudioFormat } from "../../core/audio-format.ts";
import { LivellmError } from "../../core/error.ts";
import type { Speech, SpeechEvent, SpeechRequest } from "../../core/speech.ts";
import type { LocalEngine } from "./engine.ts";
import type { FliteAnswer } from "./flite-worker.ts";
import { ignoredFields, noSuchModel, refuseOptions, requireEnglish } from "./local-request.ts";
import { speakablePieces } from "./speakable-text.ts";
import { findVoice, ownFormat, voices } from "./voices.ts";

/** The model that speaks. */
const fliteModel = "flite";

/** The one form that comes out; the voice with a lower rate is converted to it. */
const format = { mimeType: "audio/pcm", sampleRateHertz: 16_000, channelCount: 1 } as const satisfies AudioFormat;

/** Speech by flite, sentence by sentence: while one is sent, the next is made, and no more than that. */
export function createSpeech(engine: LocalEngine): Speech {
  return {
    formats: () => [format],
    voices: async ({ languageCode }) => (/^(en(-.*)?)?$/i.test(languageCode) ? voices : []),
    stream: (request, signal) => speak(engine, request, signal),
  };
}

async function* speak(engine: LocalEngine, request: SpeechRequest, signal: AbortSignal): AsyncGenerator<SpeechEvent> {
  const pieces = check(request);
  const voice = findVoice(request.voice);
  const converter = createConverter(ownFormat(voice), format);
  yield { type: "response", model: fliteModel, format, warnings: warningsFor(request) };
  let bytes = 0;
  const audio = (data: Uint8Array): SpeechEvent => {
    bytes += data.length;
    return { type: "audio", data };
  };
  const say = (text: string) => engine.flite.run({ voice: voice.id, text, speed: request.speed ?? 1 }, signal);
  for await (const { pcm } of inOrder(pieces, say)) yield audio(converter.push(pcm));
  yield audio(converter.flush());
  const outputAudioMs = Math.round(bytes / 2 / (format.sampleRateHertz / 1000));
  yield { type: "finished", usage: { inputCharacters: request.text.length, outputAudioMs } };
}

/** What there is to speak. */
function check({ model, options, languageCode, text }: SpeechRequest): readonly string[] {
  if (model !== fliteModel) throw noSuchModel(model, "speech", [fliteModel]);
  refuseOptions(model, options);
  requireEnglish(model, languageCode);
  const pieces = speakablePieces(text);
  if (pieces.length > 0) return pieces;
  const description = "flite finds nothing in it that an English voice could speak";
  throw new LivellmError("invalid_argument", "provider_rejected", `text: ${description}`, {
    violations: [{ field: "text", description, reason: "UNSUPPORTED" }],
  });
}

function warningsFor({ instructions, wordTimings }: SpeechRequest) {
  return ignoredFields(fliteModel, { "config.instructions": instructions, "config.wordTimings": wordTimings });
}

/** The results in order, each begun when the one before it is handed out. */
async function* inOrder<T>(
  items: readonly T[],
  work: (item: T) => Promise<FliteAnswer>,
): AsyncGenerator<FliteAnswer, void, undefined> {
  const [first, ...others] = items;
  if (first === undefined) return;
  let next = work(first);
  for (const item of others) {
    const answer = await next;
    next = work(item);
    next.catch(() => undefined); // it is awaited below, unless nobody listens any more
    yield answer;
  }
  yield await next;
}
