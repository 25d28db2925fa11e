import type { JsonObject } from "../../core/json.ts";
import type { LiveEvent, TranscribedSegment } from "../../core/transcription.ts";
import { objects, text } from "../openai-compatible/json-fields.ts";
import { sessionError } from "./error.ts";
import { readSpokenWords, toLanguageCode } from "./transcribed-words.ts";

/** The audio of one of our commits: where it ends, and how much silence of ours went before that, in milliseconds. */
export interface Commit {
  readonly endMs: number;
  readonly paddedMs: number;
  /** Further commits that came right behind it, with no audio in between. */
  echoes: number;
}

/** What is known of a session's audio and of what was written down of it. */
export interface Hearing {
  readonly interim: boolean;
  /** Whether each transcript comes a second time, with its words. */
  readonly timed: boolean;
  readonly wordTimings: boolean;
  /** Whether the server finds turns. */
  readonly findsTurns: boolean;
  /** Our commits that have not been answered, oldest first. */
  readonly commits: Commit[];
  /** Where the last segment ended. */
  endMs: number;
  /** What the server's times are ahead of ours: silence that we have put in. */
  paddedMs: number;
  segments: number;
  /** Text of this segment that will not change, though more may come. */
  settled: string;
  /** A committed text whose words are still to come. */
  pending: string | undefined;
  /** How many answers to commits have come. */
  answers: number;
  /** The last of them: a text, one without words, or that there was nothing to commit. */
  answer: "text" | "empty" | "nothing" | undefined;
  readonly out: LiveEvent[];
}

type Wanted = Pick<Hearing, "interim" | "timed" | "wordTimings" | "findsTurns">;

export function newHearing(wanted: Wanted): Hearing {
  const { interim, timed, wordTimings, findsTurns } = wanted;
  return {
    interim,
    timed,
    wordTimings,
    findsTurns,
    commits: [],
    endMs: 0,
    paddedMs: 0,
    segments: 0,
    settled: "",
    pending: undefined,
    answers: 0,
    answer: undefined,
    out: [],
  };
}

/** What has happened since the last time it was asked. */
export function takeEvents({ out }: Hearing): readonly LiveEvent[] {
  return out.splice(0);
}

/** Reads one message of the server. Throws for the errors, which all end the session but one. */
export function readMessage(hearing: Hearing, message: JsonObject): void {
  const type = text(message.message_type);
  const reader = readers[type];
  if (reader) reader(hearing, message);
  else if (typeof message.error === "string") throw sessionError(type, message.error);
}

/** A commit of nothing ends a turn without words: at once, or right behind the commit that has not been answered yet. */
export function endEmptyTurn({ commits, out }: Hearing, offsetMs: number): void {
  const before = commits.at(-1);
  if (before) before.echoes++;
  else out.push({ type: "turn-ended", offsetMs });
}

const readers: Readonly<Record<string, (hearing: Hearing, message: JsonObject) => void>> = {
  partial_transcript: tellInterim,
  final_transcript: settle,
  committed_transcript: commit,
  committed_transcript_with_timestamps: commitWithWords,
  commit_throttled: refuseCommit,
  warning: warn,
};

function tellInterim(hearing: Hearing, message: JsonObject): void {
  const said = join(hearing.settled, text(message.text).trim());
  if (!hearing.interim || said === "") return;
  hearing.out.push({ type: "segment", key: keyOf(hearing), final: false, text: said, startMs: hearing.endMs });
}

/** "Will not change, but the segment is not yet committed": elevenlabs-js, `FinalTranscriptMessage`. */
function settle(hearing: Hearing, message: JsonObject): void {
  hearing.settled = join(hearing.settled, text(message.text).trim());
}

/** A text may come again from its beginning, or go on where the settled one ended. */
function join(settled: string, said: string): string {
  if (settled === "" || said.startsWith(settled)) return said;
  return said === "" ? settled : `${settled} ${said}`;
}

function commit(hearing: Hearing, message: JsonObject): void {
  finishPending(hearing);
  const said = text(message.text).trim();
  if (hearing.timed && said !== "") hearing.pending = said;
  else finish(hearing, { text: said });
}

function commitWithWords(hearing: Hearing, message: JsonObject): void {
  hearing.pending = undefined;
  const words = readSpokenWords(objects(message.words)).map(({ startMs, endMs, ...word }) => ({
    ...word,
    startMs: startMs - hearing.paddedMs,
    endMs: endMs - hearing.paddedMs,
  }));
  const languageCode = toLanguageCode(text(message.language_code));
  finish(hearing, {
    text: text(message.text).trim(),
    startMs: words[0]?.startMs,
    endMs: words.at(-1)?.endMs,
    ...(languageCode && { languageCode }),
    ...(hearing.wordTimings && { words }),
  });
}

/** Words that were announced and did not come. */
export function finishPending(hearing: Hearing): void {
  if (hearing.pending === undefined) return;
  const said = hearing.pending;
  hearing.pending = undefined;
  finish(hearing, { text: said });
}

function finish(hearing: Hearing, segment: TranscribedSegment): void {
  const ours = hearing.commits.shift();
  const startMs = segment.startMs ?? hearing.endMs;
  // Of a turn that we have ended, all the audio is done with, and not only that of its words.
  const endMs = (hearing.findsTurns ? segment.endMs : ours?.endMs) ?? ours?.endMs ?? segment.endMs;
  const key = keyOf(hearing);
  if (segment.text !== "") hearing.out.push({ type: "segment", key, final: true, ...segment, startMs, endMs });
  // Without being asked, the server commits what is very long: that ends no turn.
  const ends = hearing.findsTurns || ours ? 1 + (ours?.echoes ?? 0) : 0;
  for (let i = 0; i < ends; i++) hearing.out.push({ type: "turn-ended", offsetMs: endMs });
  hearing.segments++;
  hearing.settled = "";
  hearing.endMs = endMs ?? hearing.endMs;
  hearing.paddedMs = ours?.paddedMs ?? hearing.paddedMs;
  answer(hearing, segment.text === "" ? "empty" : "text");
}

/** There was less than 0.3 s of audio to commit: the server had just done so by itself. */
function refuseCommit(hearing: Hearing): void {
  finishPending(hearing);
  hearing.commits.shift();
  answer(hearing, "nothing");
}

function answer(hearing: Hearing, what: Hearing["answer"]): void {
  hearing.answers++;
  hearing.answer = what;
}

function warn({ out }: Hearing, message: JsonObject): void {
  out.push({ type: "warning", warning: { code: "provider-warning", message: text(message.warning) } });
}

function keyOf({ segments }: Hearing): string {
  return `segment_${segments}`;
}
