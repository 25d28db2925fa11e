import type { FinishReason } from "../../core/chat.ts";
import type { JsonObject } from "../../core/json.ts";
import type { ConversationEvent } from "../../core/live.ts";
import { addUsage, type Usage } from "../../core/usage.ts";
import { streamError } from "../openai-compatible/error.ts";
import { count, object, text } from "../openai-compatible/json-fields.ts";
import { readTranscriptionUsage } from "../openai-compatible/transcription-usage.ts";
import { readRealtimeUsage } from "./realtime-usage.ts";

/** An answer under way. */
interface Answer {
  /** The item that is spoken, and how many bytes of it have come. */
  itemId: string;
  bytes: number;
  calls: number;
  /** The caller has stopped it: what still comes of it is not heard. */
  stopped: boolean;
  /** The server has been told to. */
  cancelled: boolean;
}

/** How a conversation stands. Readers add to `out`; whoever drives them takes that out. */
export interface Talk {
  /** The vendor's name for the session. */
  readonly id: string | undefined;
  /** Whether what the user says is written down. */
  readonly writesDown: boolean;
  out: ConversationEvent[];
  answer: Answer | undefined;
  /** What was spoken last, for telling how much of it was heard. */
  spoken: Pick<Answer, "itemId" | "bytes"> | undefined;
  /** An answer was asked for, or is about to be given, that has not begun. */
  asked: boolean;
  /** The caller has stopped that answer. */
  stopNext: boolean;
  /** An answer is to be asked for as soon as there is none. */
  wanted: boolean;
  /** The user is speaking, as far as the server hears. */
  speaking: boolean;
  /** Calls that wait for their results. */
  readonly calls: Set<string>;
  /** What was told of each transcript, by its item; those of items that are still being written down. */
  readonly transcripts: Map<string, string>;
  /** The server has emptied its buffer after the end of the caller's side: nothing more will be found in it. */
  cleared: boolean;
  /** Besides that of the answers. */
  usage: Usage;
}

export function newTalk({ id, writesDown }: Pick<Talk, "id" | "writesDown">): Talk {
  return {
    id,
    writesDown,
    out: [],
    answer: undefined,
    spoken: undefined,
    asked: false,
    stopNext: false,
    wanted: false,
    speaking: false,
    calls: new Set(),
    transcripts: new Map(),
    cleared: false,
    usage: {},
  };
}

export function takeEvents(talk: Talk): readonly ConversationEvent[] {
  const { out } = talk;
  talk.out = [];
  return out;
}

/** Whether the model has something to say, or is about to. */
export function isBusy({ answer, asked, wanted, calls }: Talk): boolean {
  return answer !== undefined || asked || wanted || calls.size > 0;
}

/** The answer under way, or about to begin, is stopped: the caller hears nothing more of it. */
export function stopAnswer(talk: Talk): void {
  const { answer, asked } = talk;
  if (!answer) talk.stopNext = asked;
  else if (!answer.stopped) {
    answer.stopped = true;
    talk.out.push({ type: "interrupted" });
  }
}

function beginAnswer(talk: Talk): void {
  const { stopNext } = talk;
  talk.answer = { itemId: "", bytes: 0, calls: 0, stopped: false, cancelled: false };
  talk.asked = false;
  talk.stopNext = false;
  if (stopNext) stopAnswer(talk);
}

/** What we asked for came too late, or for nothing, and no harm is done. */
const harmless = ["input_audio_buffer_commit_empty", "response_cancel_not_active"];

/** Reads one event of the server's. Throws what it reports as an error. */
export function readEvent(talk: Talk, event: JsonObject): void {
  if (event.type === "error") readError(talk, object(event.error));
  else if (event.type === "response.created") beginAnswer(talk);
  else if (event.type === "response.done") endAnswer(talk, object(event.response));
  else if (text(event.type).startsWith("input_audio_buffer.")) readBuffer(talk, event);
  else if (text(event.type).startsWith(transcription)) readTranscript(talk, event);
  else readOutput(talk, event);
}

/** The server answers what it hears while an answer is under way: ours has to wait. */
function readError(talk: Talk, error: JsonObject): void {
  const code = text(error.code);
  if (code === "conversation_already_has_active_response") {
    talk.asked = false;
    talk.wanted = true;
  } else if (!harmless.includes(code)) throw streamError(error, talk.id);
}

/** A turn that the server has found it answers by itself. */
function readBuffer(talk: Talk, event: JsonObject): void {
  switch (event.type) {
    case "input_audio_buffer.speech_started":
      talk.speaking = true;
      talk.out.push({ type: "speech-started", offsetMs: count(event.audio_start_ms) ?? 0 });
      return;
    case "input_audio_buffer.speech_stopped":
      talk.speaking = false;
      talk.asked = true;
      talk.out.push({ type: "speech-ended", offsetMs: count(event.audio_end_ms) ?? 0 });
      return;
    case "input_audio_buffer.committed":
      if (talk.writesDown) talk.transcripts.set(text(event.item_id), "");
      return;
    case "input_audio_buffer.cleared":
      talk.cleared = true;
  }
}

function readOutput(talk: Talk, event: JsonObject): void {
  const { answer, out } = talk;
  if (!answer || answer.stopped) return;
  const delta = text(event.delta);
  switch (event.type) {
    case "response.output_text.delta":
      if (delta !== "") out.push({ type: "text", text: delta });
      return;
    case "response.output_audio_transcript.delta":
      if (delta !== "") out.push({ type: "output-transcript", text: delta });
      return;
    case "response.output_audio.delta": {
      const data = Buffer.from(delta, "base64");
      answer.itemId = text(event.item_id) || answer.itemId;
      answer.bytes += data.length;
      talk.spoken = answer;
      if (data.length > 0) out.push({ type: "audio", data });
      return;
    }
    case "response.output_item.done":
      readCall(talk, answer, object(event.item));
  }
}

function readCall({ calls, out }: Talk, answer: Answer, item: JsonObject): void {
  if (item.type !== "function_call") return;
  const id = text(item.call_id) || text(item.id);
  answer.calls++;
  calls.add(id);
  const call = { type: "tool-call", id, name: text(item.name), argumentsJson: text(item.arguments) } as const;
  out.push({ type: "tool-call", call: { ...call, executor: "client" } });
}

const transcription = "conversation.item.input_audio_transcription";

/** Models that write down at once give no deltas; what was not told yet is. */
function readTranscript(talk: Talk, event: JsonObject): void {
  const { transcripts, out } = talk;
  const item = text(event.item_id);
  const told = transcripts.get(item) ?? "";
  if (event.type === `${transcription}.delta`) {
    const piece = text(event.delta);
    transcripts.set(item, told + piece);
    if (piece !== "") out.push({ type: "input-transcript", text: piece });
  } else if (event.type === `${transcription}.completed`) {
    const whole = text(event.transcript);
    transcripts.delete(item);
    if (told === "" && whole !== "") out.push({ type: "input-transcript", text: whole });
    talk.usage = addUsage(talk.usage, readTranscriptionUsage(event.usage));
  } else if (event.type === `${transcription}.failed`) {
    transcripts.delete(item);
    out.push({ type: "warning", warning: notWritten });
  }
}

const notWritten = {
  code: "transcript-failed",
  message: "a turn of the user's could not be written down; the model has heard it all the same",
  field: "start.config.inputTranscription",
};

/** What the server calls failed is one. An answer that was cut off has been interrupted, whoever did it. */
function endAnswer(talk: Talk, response: JsonObject): void {
  const details = object(response.status_details);
  if (response.status === "failed") throw streamError(object(details.error), talk.id);
  const { answer } = talk;
  const why = text(details.reason) || text(response.status);
  if (response.status === "cancelled" && !answer?.stopped) talk.out.push({ type: "interrupted" });
  const cut = response.status === "cancelled" || answer?.stopped === true;
  talk.out.push({
    type: "answer-finished",
    finishReason: cut ? "other" : meaningOf(why, answer?.calls ?? 0),
    providerFinishReason: why,
    usage: readRealtimeUsage(response.usage),
  });
  talk.answer = undefined;
}

function meaningOf(why: string, calls: number): FinishReason {
  switch (why) {
    case "max_output_tokens":
      return "length";
    case "content_filter":
      return "content_filter";
    case "completed":
      return calls > 0 ? "tool_calls" : "stop";
    default:
      return "other";
  }
}
