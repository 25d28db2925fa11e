import type { AudioFormat } from "../../core/audio-format.ts";
import type { Warning } from "../../core/route.ts";
import type { LiveTranscriptionRequest, TurnDetection } from "../../core/transcription.ts";
import { text } from "../openai-compatible/json-fields.ts";
import { type Notes, newNotes } from "../openai-compatible/notes.ts";
import { refuseReservedOptions } from "../openai-compatible/options.ts";
import { primaryLanguage } from "../openai-compatible/transcription-request.ts";
import { unsupported } from "../openai-compatible/unsupported.ts";

type Query = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

export interface LiveCall {
  readonly query: Query;
  /** Goes with the first piece of audio. */
  readonly previousText: string;
  /** Whether each transcript comes a second time, with the times of its words. */
  readonly timed: boolean;
  readonly warnings: readonly Warning[];
}

const pcm = (sampleRateHertz: number): AudioFormat => ({ mimeType: "audio/pcm", sampleRateHertz, channelCount: 1 });

/** elevenlabs-js, `AudioFormat`: every rate is taken as it is. */
export const liveFormats: readonly AudioFormat[] = [
  ...[16_000, 24_000, 8_000, 22_050, 44_100, 48_000].map(pcm),
  { mimeType: "audio/ulaw", sampleRateHertz: 8_000, channelCount: 1 },
];

const reserved = ["model_id", "audio_format", "commit_strategy", "token"];

/** The address of a live session. Options are merged into its query, such as `{"no_verbatim": true}`. */
export function toLiveCall(request: LiveTranscriptionRequest): LiveCall {
  refuseReservedOptions(request.options, reserved);
  const notes = newNotes();
  const { previous_text: previousText, ...options } = request.options;
  // Without words nothing says where a turn ended that the server ended by itself.
  const timed = request.wordTimings || request.turnDetection.mode !== "manual";
  const query = {
    model_id: request.model,
    audio_format: toAudioFormat(request.format),
    ...toTurns(request.turnDetection, notes),
    language_code: primaryLanguage(request.languageCode) || undefined,
    include_timestamps: timed || undefined,
    keyterms: toKeyterms(request.phrases, notes),
    ...Object.fromEntries(Object.entries(options).map(([name, value]) => [name, toQueryValue(value)])),
  };
  if (request.prompt !== "") notes.ignored("config.prompt");
  if (request.speakerLabels) notes.ignored("config.speakerLabels");
  return { query, previousText: text(previousText), timed, warnings: notes.warnings };
}

function toAudioFormat({ mimeType, sampleRateHertz }: AudioFormat): string {
  const known = liveFormats.some((one) => one.mimeType === mimeType && one.sampleRateHertz === sampleRateHertz);
  if (known) return `${mimeType === "audio/pcm" ? "pcm" : "ulaw"}_${sampleRateHertz}`;
  throw unsupported("config.format", `Scribe does not take ${mimeType} at ${sampleRateHertz} Hz`);
}

function toTurns(turns: TurnDetection, notes: Notes): Query {
  if (turns.mode === "manual") return { commit_strategy: "manual" };
  if (turns.mode === "semantic") throw unsupported("turnDetection", "Scribe finds turns by silence alone");
  const { threshold, silenceMs, prefixMs } = turns;
  if (prefixMs !== undefined) notes.ignored("turnDetection.silence.prefixMs");
  return {
    commit_strategy: "vad",
    vad_threshold: within(threshold, { from: 0.1, to: 0.9 }, () =>
      notes.clamped("turnDetection.silence.threshold", "from 0.1 to 0.9"),
    ),
    vad_silence_threshold_secs: within(
      silenceMs === undefined ? undefined : silenceMs / 1000,
      { from: 0.3, to: 3 },
      () => notes.clamped("turnDetection.silence.silenceMs", "from 300 to 3000"),
    ),
  };
}

function within(value: number | undefined, range: { readonly from: number; readonly to: number }, tell: () => void) {
  if (value === undefined) return undefined;
  const near = Math.min(range.to, Math.max(range.from, value));
  if (near !== value) tell();
  return near;
}

/** "Maximum 50 keyterms, each up to 20 characters": elevenlabs-js, `BaseOptions.keyterms`. */
const keyterms = { count: 50, characters: 20 };

function toKeyterms(phrases: readonly string[], notes: Notes): readonly string[] {
  const taken = phrases.filter((phrase) => phrase.length <= keyterms.characters).slice(0, keyterms.count);
  if (taken.length < phrases.length) {
    notes.clamped("config.phrases", `${keyterms.count} phrases of at most ${keyterms.characters} characters`);
  }
  return taken;
}

function toQueryValue(value: unknown): string | readonly string[] | undefined {
  if (value === null || value === undefined) return undefined;
  return Array.isArray(value) ? value.map(String) : String(value);
}
