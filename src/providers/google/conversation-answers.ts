import type { LiveServerContent } from "@google/genai";
import type { FinishReason } from "../../core/chat.ts";
import { isJsonObject, type JsonObject } from "../../core/json.ts";
import type { ConversationEvent } from "../../core/live.ts";
import { randomId } from "../../core/random-id.ts";
import { addUsage, type Usage } from "../../core/usage.ts";
import { object, objects, strings, text, type Unchecked } from "../openai-compatible/json-fields.ts";
import { errorOf, streamError, toMilliseconds } from "./error.ts";
import { readLiveUsage } from "./usage.ts";

/** How a conversation stands. Readers add to `out`; whoever drives them takes that out. */
export interface Talk {
  /** Whether the words of spoken answers are the text of written ones. */
  readonly writesDown: boolean;
  /** Whether the server finds speech; else what it tells of it is an echo of what it was told. */
  readonly detects: boolean;
  out: ConversationEvent[];
  /** Whether something of an answer has come, and not its end. */
  answering: boolean;
  /** Whether all of that answer has come. */
  generated: boolean;
  interrupted: boolean;
  /** Until the end of an answer that the caller has stopped: what comes of it is not heard. */
  stopped: boolean;
  /** Whether nothing of that answer has come yet. */
  unbegun: boolean;
  /** How many of the user's turns the server was given since it ended an answer. */
  owed: number;
  /** Whether it has heard something since, which it may answer. */
  unanswered: boolean;
  /** Calls that wait for their results: their functions' names by their ids. */
  readonly calls: Map<string, string>;
  /** Since the last answer. */
  usage: Usage;
  /** With which the conversation can be taken up again over another socket. */
  handle: string;
  /** How long the server will keep this socket, where it has said that it will not. */
  leavingMs?: number;
}

export function newTalk({ writesDown, detects }: Pick<Talk, "writesDown" | "detects">): Talk {
  return {
    writesDown,
    detects,
    out: [],
    answering: false,
    generated: false,
    interrupted: false,
    stopped: false,
    unbegun: false,
    owed: 0,
    unanswered: false,
    calls: new Map(),
    usage: {},
    handle: "",
  };
}

export function takeEvents(talk: Talk): readonly ConversationEvent[] {
  const { out } = talk;
  talk.out = [];
  return out;
}

/** Whether the model has something to say, or is about to. */
export function isBusy({ answering, generated, owed }: Talk): boolean {
  return owed > 0 || (answering && !generated);
}

/** The caller has stopped the answer. The API has no word for it: what still comes of it is not heard. */
export function stopAnswer(talk: Talk): void {
  if (!talk.answering && talk.owed === 0) return;
  talk.unbegun = !talk.answering;
  talk.interrupted = true;
  talk.out.push({ type: "interrupted" });
  endAnswer(talk, "INTERRUPTED");
  talk.stopped = true;
}

/** The server gets a turn of the user's. What had been stopped before it began may not be told from the answer to this one. */
export function owe(talk: Talk): void {
  talk.owed++;
  if (talk.unbegun) Object.assign(talk, { stopped: false, unbegun: false });
}

/** Reads one message of the server's. Throws what it reports as an error. */
export function readMessage(talk: Talk, message: JsonObject): void {
  const error = errorOf(message);
  if (error) throw streamError(error);
  if (message.usageMetadata) talk.usage = addUsage(talk.usage, readLiveUsage(message.usageMetadata));
  if (message.voiceActivity) readActivity(talk, object(message.voiceActivity));
  if (message.serverContent) readContent(talk, object(message.serverContent));
  if (message.toolCall) readCalls(talk, objects(object(message.toolCall).functionCalls));
  if (message.toolCallCancellation) cancelCalls(talk, strings(object(message.toolCallCancellation).ids));
  if (message.sessionResumptionUpdate) readHandle(talk, object(message.sessionResumptionUpdate));
  if (isJsonObject(message.goAway)) talk.leavingMs = toMilliseconds(message.goAway.timeLeft) ?? 0;
}

/** An offset of nothing is left out, as protobuf does. The second name of the type is the SDK's. */
function readActivity({ detects, out }: Talk, activity: JsonObject): void {
  const type = activity.type ?? activity.voiceActivityType;
  const offsetMs = toMilliseconds(activity.audioOffset) ?? 0;
  if (!detects) return;
  if (type === "ACTIVITY_START") out.push({ type: "speech-started", offsetMs });
  if (type === "ACTIVITY_END") out.push({ type: "speech-ended", offsetMs });
}

function readContent(talk: Talk, value: JsonObject): void {
  const content = value as Unchecked<LiveServerContent>;
  const heard = text(object(content.inputTranscription).text);
  if (heard !== "") talk.out.push({ type: "input-transcript", text: heard });
  for (const part of objects(object(content.modelTurn).parts)) readPart(talk, part);
  const said = text(object(content.outputTranscription).text);
  if (said !== "") say(talk, { type: talk.writesDown ? "text" : "output-transcript", text: said });
  if (content.interrupted === true) interrupt(talk);
  if (content.generationComplete === true) completeAnswer(talk);
  if (content.turnComplete === true) endTurn(talk, text(content.turnCompleteReason));
}

/** What the model thinks, and the code that it runs, are no part of what it says. */
function readPart(talk: Talk, part: JsonObject): void {
  if (part.thought === true) return;
  const said = text(part.text);
  if (said !== "") say(talk, { type: "text", text: said });
  const { mimeType, data } = object(part.inlineData);
  if (talk.writesDown || !/^audio\//.test(text(mimeType))) return;
  const audio = Buffer.from(text(data), "base64");
  if (audio.length > 0) say(talk, { type: "audio", data: audio });
}

function say(talk: Talk, event: ConversationEvent): void {
  if (talk.stopped) {
    talk.unbegun = false;
    return;
  }
  talk.answering = true;
  talk.out.push(event);
}

function interrupt(talk: Talk): void {
  if (talk.stopped || talk.interrupted || !talk.answering) return;
  talk.interrupted = true;
  talk.out.push({ type: "interrupted" });
}

function completeAnswer(talk: Talk): void {
  talk.generated = true;
  if (!talk.stopped) talk.out.push({ type: "answer-generated" });
}

function endTurn(talk: Talk, reason: string): void {
  if (talk.stopped) talk.stopped = false;
  else endAnswer(talk, reason);
}

/** A turn that interrupted the answer is still to be answered. */
function endAnswer(talk: Talk, reason: string): void {
  const { usage, interrupted } = talk;
  const told = Object.keys(usage).length > 0;
  talk.out.push({
    type: "answer-finished",
    finishReason: interrupted ? "other" : meaningOf(reason),
    providerFinishReason: interrupted ? "INTERRUPTED" : reason || "TURN_COMPLETE",
    ...(told && { usage }),
  });
  Object.assign(talk, { usage: {}, answering: false, generated: false, interrupted: false, unanswered: false });
  talk.owed = interrupted ? Math.max(talk.owed - 1, 0) : 0;
}

/** `TurnCompleteReason`; nothing is said of an answer that is simply over. */
function meaningOf(reason: string): FinishReason {
  if (/REJECTED|PROHIBITED|SAFETY|BLOCKED/.test(reason)) return "content_filter";
  return reason === "" || reason === "NEED_MORE_INPUT" ? "stop" : "other";
}

function readCalls(talk: Talk, calls: readonly JsonObject[]): void {
  for (const { id: given, name: called, args } of calls) {
    const id = text(given) || randomId("call");
    const name = text(called);
    talk.calls.set(id, name);
    const argumentsJson = JSON.stringify(object(args));
    talk.out.push({ type: "tool-call", call: { type: "tool-call", id, name, argumentsJson, executor: "client" } });
  }
}

function cancelCalls(talk: Talk, ids: readonly string[]): void {
  for (const id of ids) talk.calls.delete(id);
  if (ids.length > 0) talk.out.push({ type: "tool-calls-cancelled", ids });
}

/** While the model answers there is none. */
function readHandle(talk: Talk, { newHandle, resumable }: JsonObject): void {
  talk.handle = resumable === true ? text(newHandle) : "";
}
