import { LivellmError } from "../../core/error.ts";
import type { JsonObject } from "../../core/json.ts";
import type { LiveEvent, LiveTranscriptionRequest } from "../../core/transcription.ts";
import { addUsage, type Usage } from "../../core/usage.ts";
import { streamError } from "../openai-compatible/error.ts";
import { count, object, objects, text } from "../openai-compatible/json-fields.ts";
import { milliseconds, readTranscriptionUsage } from "../openai-compatible/transcription-usage.ts";
import {
  commitTurn,
  currentTurn,
  lastCommitted,
  newTurns,
  type Turn,
  type Turns,
  takeFinished,
  turnOf,
} from "./live-turns.ts";

/** What is known of a session's audio and of what was written down of it. */
export interface Hearing {
  readonly interim: boolean;
  readonly turns: Turns;
  /** Where the audio of our commits ends that the server has not confirmed yet, oldest first, in milliseconds. */
  readonly commits: { readonly eventId: string; readonly endMs: number; echoes: number }[];
  /** Where the last turn ends whose audio is complete. */
  committedMs: number;
  /** The server has confirmed that its buffer is empty, and no more audio comes. */
  cleared: boolean;
  usage: Usage;
  readonly out: LiveEvent[];
}

export function newHearing({ interim }: Pick<LiveTranscriptionRequest, "interim">): Hearing {
  return { interim, turns: newTurns(), commits: [], committedMs: 0, cleared: false, usage: {}, out: [] };
}

/** What has happened since the last time it was asked. */
export function takeEvents({ out }: Hearing): readonly LiveEvent[] {
  return out.splice(0);
}

/** Whether everything that was said has been written down. */
export function isComplete({ cleared, turns }: Hearing): boolean {
  return cleared && lastCommitted(turns) === undefined;
}

/** Reads one event of the server. Throws for what ends a session, and for a turn that could not be written down. */
export function readEvent(hearing: Hearing, event: JsonObject): void {
  readers[text(event.type)]?.(hearing, event);
}

const transcription = "conversation.item.input_audio_transcription";

/** What is not here tells us nothing, such as `conversation.item.added` and `rate_limits.updated`. */
const readers: Readonly<Record<string, (hearing: Hearing, event: JsonObject) => void>> = {
  "input_audio_buffer.speech_started": startSpeech,
  "input_audio_buffer.speech_stopped": stopSpeech,
  "input_audio_buffer.committed": commit,
  "input_audio_buffer.cleared": clear,
  [`${transcription}.delta`]: addDelta,
  [`${transcription}.segment`]: addPiece,
  [`${transcription}.completed`]: finishTurn,
  [`${transcription}.failed`]: failTurn,
  error: readError,
};

/** A commit of nothing ends a turn without words: at once, or right behind the turn that has not been written down yet. */
export function endEmptyTurn({ commits, turns, out }: Hearing, offsetMs: number): void {
  const before = commits.at(-1) ?? lastCommitted(turns);
  if (before) before.echoes++;
  else out.push({ type: "turn-ended", offsetMs });
}

function startSpeech(hearing: Hearing, event: JsonObject): void {
  const offsetMs = count(event.audio_start_ms) ?? 0;
  turnOf(hearing.turns, text(event.item_id)).startMs = offsetMs;
  hearing.out.push({ type: "speech-started", offsetMs });
}

function stopSpeech(hearing: Hearing, event: JsonObject): void {
  const offsetMs = count(event.audio_end_ms) ?? 0;
  turnOf(hearing.turns, text(event.item_id)).endMs = offsetMs;
  hearing.out.push({ type: "speech-ended", offsetMs });
}

/** A turn that the server did not end itself was ended by the oldest commit of ours. */
function commit(hearing: Hearing, event: JsonObject): void {
  const turn = commitTurn(hearing.turns, text(event.item_id), text(event.previous_item_id) || undefined);
  turn.startMs ??= hearing.committedMs;
  if (turn.endMs === undefined) {
    const ours = hearing.commits.shift();
    turn.endMs = ours?.endMs;
    turn.echoes = ours?.echoes ?? 0;
  }
  hearing.committedMs = turn.endMs ?? hearing.committedMs;
}

function clear(hearing: Hearing): void {
  hearing.cleared = true;
}

function addDelta(hearing: Hearing, event: JsonObject): void {
  const turn = turnOf(hearing.turns, text(event.item_id));
  turn.text += text(event.delta);
  if (text(event.delta) !== "" && turn === currentTurn(hearing.turns)) tellInterim(hearing, turn);
}

function tellInterim({ interim, committedMs, out }: Hearing, turn: Turn): void {
  const said = turn.text.trim();
  if (!interim || said === "" || turn.pieces.length > 0) return;
  out.push({ type: "segment", key: turn.id, final: false, text: said, startMs: turn.startMs ?? committedMs });
}

/** Its times count from the start of the turn. */
function addPiece(hearing: Hearing, event: JsonObject): void {
  const turn = turnOf(hearing.turns, text(event.item_id));
  const base = turn.startMs ?? hearing.committedMs;
  turn.pieces.push({
    text: text(event.text).trim(),
    startMs: base + (milliseconds(event.start) ?? 0),
    endMs: base + (milliseconds(event.end) ?? 0),
    speaker: text(event.speaker) || undefined,
  });
}

function finishTurn(hearing: Hearing, event: JsonObject): void {
  const languageCode = text(objects(event.languages)[0]?.code) || undefined;
  const result = { text: text(event.transcript).trim(), ...(languageCode && { languageCode }) };
  hearing.usage = addUsage(hearing.usage, readTranscriptionUsage(event.usage));
  endTurn(hearing, text(event.item_id), result);
}

/**
 * A turn that cannot be understood has no words. Any other failure has lost some: it ends the session, so that the next target
 * can hear the turn again.
 */
function failTurn(hearing: Hearing, event: JsonObject): void {
  const error = object(event.error);
  if (text(error.code) !== "audio_unintelligible") throw streamError(error);
  hearing.out.push(warningOf(error));
  endTurn(hearing, text(event.item_id), { text: "" });
}

function endTurn(hearing: Hearing, id: string, result: NonNullable<Turn["result"]>): void {
  turnOf(hearing.turns, id).result = result;
  for (const turn of takeFinished(hearing.turns)) tellFinished(hearing, turn);
  const next = currentTurn(hearing.turns);
  if (next) tellInterim(hearing, next);
}

function tellFinished({ out }: Hearing, { id, startMs, endMs, pieces, echoes, result }: Turn): void {
  const { text: said = "", languageCode } = result ?? {};
  const whole = { text: said, startMs, endMs, languageCode };
  const segments = pieces.length > 0 ? pieces.map((piece) => ({ ...piece, languageCode })) : [whole];
  for (const [index, segment] of segments.entries()) {
    const key = index === 0 ? id : `${id}-${index}`;
    if (segment.text !== "") out.push({ type: "segment", key, final: true, ...segment });
  }
  for (let ends = 0; ends <= echoes; ends++) out.push({ type: "turn-ended", offsetMs: endMs });
}

/** "Most errors are recoverable and the session will stay open" (openai-node, `RealtimeErrorEvent`): those of a request are. */
function readError(hearing: Hearing, event: JsonObject): void {
  const error = object(event.error);
  if (error.code === "input_audio_buffer_commit_empty") forgetCommit(hearing, text(error.event_id));
  else if (error.code === "session_expired") throw expired(streamError(error));
  else if (error.type !== "invalid_request_error") throw streamError(error);
  else hearing.out.push(warningOf(error));
}

/** It was as long as sessions may be; another one may go on. */
function expired({ message, facts }: LivellmError): LivellmError {
  return new LivellmError("unavailable", "stream_broken", message, facts);
}

/** The server had taken that audio for a turn of its own. */
function forgetCommit({ commits }: Hearing, eventId: string): void {
  const index = commits.findIndex((known) => known.eventId === eventId);
  commits.splice(Math.max(0, index), 1);
}

function warningOf(error: JsonObject): LiveEvent {
  const { message } = streamError(error);
  return {
    type: "warning",
    warning: { code: "provider-warning", message: message.replace("broke off with", "reports") },
  };
}
