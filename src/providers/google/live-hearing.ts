import type { LiveServerContent, Transcription } from "@google/genai";
import { isJsonObject, type JsonObject } from "../../core/json.ts";
import type { LiveEvent, LiveTranscriptionRequest } from "../../core/transcription.ts";
import { addUsage, type Usage } from "../../core/usage.ts";
import { object, text, type Unchecked } from "../openai-compatible/json-fields.ts";
import { errorOf, streamError, toMilliseconds } from "./error.ts";
import { readLiveUsage } from "./usage.ts";

/** What has been heard in a session so far. Readers add to `out`; whoever drives them takes that out. */
export interface Hearing {
  /** Whether segments are wanted before they are final. */
  readonly interim: boolean;
  /** Whether the server finds speech; else what it tells of it is an echo of what it was told. */
  readonly detects: boolean;
  out: LiveEvent[];
  /** How many segments are final. */
  segments: number;
  /** Between the first sign of speech and the server's word that it has written it all down. */
  utterance?: Utterance;
  /** Speech that began before that word. */
  next?: Utterance;
  /** How many utterances the server has written down. */
  completed: number;
  generationComplete: boolean;
  usage: Usage;
}

interface Utterance {
  startMs?: number;
  endMs?: number;
  /** When its end was told, as of `performance.now()`. */
  endedAt?: number;
  /** Whether words of it have come. */
  written: boolean;
}

export function newHearing({ interim, turnDetection }: LiveTranscriptionRequest): Hearing {
  const detects = turnDetection.mode !== "manual";
  return { interim, detects, out: [], segments: 0, completed: 0, generationComplete: false, usage: {} };
}

export function takeEvents(hearing: Hearing): readonly LiveEvent[] {
  const { out } = hearing;
  hearing.out = [];
  return out;
}

/** Reads one message of the server's. Throws what it reports as an error. */
export function readMessage(hearing: Hearing, message: JsonObject): void {
  const error = errorOf(message);
  if (error) throw streamError(error);
  if (message.voiceActivity) readActivity(hearing, object(message.voiceActivity));
  if (message.serverContent) readContent(hearing, object(message.serverContent));
  if (message.usageMetadata) hearing.usage = addUsage(hearing.usage, readLiveUsage(message.usageMetadata));
  if (isJsonObject(message.goAway)) {
    hearing.out.push({ type: "ending", timeLeftMs: toMilliseconds(message.goAway.timeLeft) ?? 0 });
  }
}

/** Offsets count from the start of the session's audio; that of its very start is left out, as protobuf does. */
function readActivity(hearing: Hearing, activity: JsonObject): void {
  const offsetMs = toMilliseconds(activity.audioOffset) ?? 0;
  // The second is the SDK's name for it.
  switch (activity.type ?? activity.voiceActivityType) {
    case "ACTIVITY_START":
      if (hearing.detects) hearing.out.push({ type: "speech-started", offsetMs });
      startActivity(hearing, { startMs: offsetMs, written: false });
      return;
    case "ACTIVITY_END": {
      if (hearing.detects) hearing.out.push({ type: "speech-ended", offsetMs });
      const utterance = hearing.next ?? utteranceOf(hearing);
      utterance.endMs = offsetMs;
      utterance.endedAt = performance.now();
    }
  }
}

function startActivity(hearing: Hearing, utterance: Utterance): void {
  const { utterance: last } = hearing;
  if (last?.written || last?.endMs !== undefined) hearing.next = utterance;
  else hearing.utterance = utterance;
}

/**
 * Ends an utterance that had no words: of such the server tells the end of the activity and nothing more. `waitMs` is how long
 * the words may come after it.
 */
export function endSilent(hearing: Hearing, waitMs: number): void {
  const { utterance, next } = hearing;
  if (!utterance || utterance.written || utterance.endedAt === undefined) return;
  if (performance.now() - utterance.endedAt < waitMs) return;
  hearing.utterance = next;
  hearing.next = undefined;
  tellEnd(hearing, utterance);
}

function readContent(hearing: Hearing, value: JsonObject): void {
  const content = value as Unchecked<LiveServerContent>;
  if (content.interimInputTranscription) readInterim(hearing, object(content.interimInputTranscription));
  if (content.inputTranscription) readFinal(hearing, object(content.inputTranscription));
  if (content.generationComplete === true) {
    endUtterance(hearing);
    hearing.generationComplete = true;
  }
  if (content.turnComplete !== true) return;
  // It follows `generationComplete`, perhaps when the next speech has begun; alone it means the same.
  if (!hearing.generationComplete) endUtterance(hearing);
  hearing.generationComplete = false;
}

/** The whole of what is not final yet, as it stands now. */
function readInterim(hearing: Hearing, value: JsonObject): void {
  if (text(value.text).trim() === "") return;
  utteranceOf(hearing).written = true;
  if (hearing.interim) tellSegment(hearing, value, false);
}

function readFinal(hearing: Hearing, value: JsonObject): void {
  if (text(value.text).trim() === "") return;
  utteranceOf(hearing).written = true;
  tellSegment(hearing, value, true);
  hearing.segments++;
}

function tellSegment(hearing: Hearing, value: Unchecked<Transcription>, final: boolean): void {
  const { startMs, endMs } = utteranceOf(hearing);
  const start = toMilliseconds(value.startOffset) ?? startMs;
  const end = toMilliseconds(value.endOffset) ?? (final ? endMs : undefined);
  const languageCode = text(value.languageCode);
  const speaker = text(value.speakerLabel);
  hearing.out.push({
    type: "segment",
    key: String(hearing.segments),
    final,
    text: text(value.text).trim(),
    ...(start !== undefined && { startMs: start }),
    ...(end !== undefined && { endMs: end }),
    ...(languageCode && { languageCode }),
    ...(speaker && { speaker }),
  });
}

function endUtterance(hearing: Hearing): void {
  const { utterance, next } = hearing;
  hearing.utterance = next;
  hearing.next = undefined;
  hearing.completed++;
  if (utterance) tellEnd(hearing, utterance);
}

function tellEnd({ out }: Hearing, { endMs }: Utterance): void {
  out.push({ type: "turn-ended", ...(endMs !== undefined && { offsetMs: endMs }) });
}

function utteranceOf(hearing: Hearing): Utterance {
  hearing.utterance ??= { written: false };
  return hearing.utterance;
}
