import type { Candidate, FunctionCall, GenerateContentResponse } from "@google/genai";
import type { ChatEvent, PartHead } from "../../core/chat.ts";
import type { JsonObject } from "../../core/json.ts";
import { randomId } from "../../core/random-id.ts";
import type { Warning } from "../../core/route.ts";
import { brokenStream, unreadableAnswer } from "../openai-compatible/broken-stream.ts";
import { object, objects, text, type Unchecked } from "../openai-compatible/json-fields.ts";
import { firstCandidate, refuse } from "./candidates.ts";
import { addSources, noSources, type Sources, toCitations } from "./citations.ts";
import { toFinishReason } from "./finish-reason.ts";
import { type HostedPart, toHostedPart } from "./hosted-parts.ts";
import { type HeardAudio, toAudioPart, toMedia } from "./media-parts.ts";
import { type PartState, writePartState } from "./part-state.ts";
import {
  addPartialArguments,
  newPartialArguments,
  type PartialArguments,
  partialArgumentsJson,
} from "./partial-arguments.ts";
import { readUsage } from "./usage.ts";

/** What a reader has to know of the call whose answer it reads. */
export interface AnswerContext {
  /** The kind of the adapter: it marks provider state. */
  readonly kind: string;
  /** What the request did differently; goes out with the `response` event. */
  readonly warnings?: readonly Warning[];
  readonly hideReasoning?: boolean;
  /** The function that stands for a JSON answer: its arguments are the text. */
  readonly answerTool?: string;
}

/** An answer as far as it has been read. Readers add to `events`; whoever drives them takes those out. */
interface GeminiAnswer {
  readonly context: AnswerContext;
  events: ChatEvent[];
  requestId: string;
  began: boolean;
  partCount: number;
  open?: OpenPart;
  call?: OpenCall;
  /** All text that came before the open part's. */
  textBefore: string;
  lastHostedCall: string;
  audio?: HeardAudio;
  imageCount: number;
  calledTools: boolean;
  sources: Sources;
  finishWord: string;
  usage?: JsonObject;
  metadata: JsonObject;
}

/** Text and thoughts are open one at a time. */
interface OpenPart {
  readonly type: "text" | "reasoning";
  readonly key: string;
  text: string;
  /** Set by a signed piece: the part goes no further, and closes when the next begins. */
  state?: PartState;
}

/** A call whose arguments are streamed. */
interface OpenCall {
  readonly key: string;
  readonly state: PartState;
  readonly args: PartialArguments;
}

export function newGeminiAnswer(context: AnswerContext): GeminiAnswer {
  return {
    context,
    events: [],
    requestId: "",
    began: false,
    partCount: 0,
    textBefore: "",
    lastHostedCall: "",
    imageCount: 0,
    calledTools: false,
    sources: noSources,
    finishWord: "",
    metadata: {},
  };
}

/** Takes the events that the last chunk gave. */
export function takeEvents(answer: GeminiAnswer): readonly ChatEvent[] {
  const { events } = answer;
  answer.events = [];
  return events;
}

/** Reads one chunk of a stream, or a whole unary answer. Throws what the vendor reports as an error, or a blocked prompt. */
export function readChunk(answer: GeminiAnswer, value: unknown): void {
  refuse(value, answer.requestId);
  const chunk = object(value) as Unchecked<GenerateContentResponse>;
  begin(answer, chunk);
  if (Object.keys(object(chunk.usageMetadata)).length > 0) answer.usage = object(chunk.usageMetadata);
  readCandidate(answer, firstCandidate(chunk));
}

/** Closes what is open and says how it ended. Throws `stream_broken` when no `finishReason` came. */
export function finishAnswer(answer: GeminiAnswer): void {
  if (answer.finishWord === "") throw brokenStream("a finishReason", answer.requestId || undefined);
  if (answer.call) finishCall(answer, answer.call);
  closePart(answer);
  if (answer.audio) answer.events.push({ type: "part", part: toAudioPart(answer.audio) });
  answer.events.push({
    type: "finished",
    finishReason: toFinishReason(answer.finishWord, answer.calledTools),
    providerFinishReason: answer.finishWord,
    usage: { ...readUsage(answer.usage), ...(answer.imageCount > 0 && { outputImages: answer.imageCount }) },
    ...(Object.keys(answer.metadata).length > 0 && { metadata: answer.metadata }),
  });
}

function begin(answer: GeminiAnswer, { modelVersion, responseId }: Unchecked<GenerateContentResponse>): void {
  if (answer.began) return;
  const { warnings = [] } = answer.context;
  const model = text(modelVersion);
  answer.requestId = text(responseId);
  answer.began = true;
  answer.events.push({
    type: "response",
    ...(model && { model }),
    ...(answer.requestId && { requestId: answer.requestId }),
    ...(warnings.length > 0 && { warnings }),
  });
}

function readCandidate(answer: GeminiAnswer, candidate: JsonObject): void {
  for (const part of objects(object(candidate.content).parts)) readPart(answer, part);
  answer.sources = addSources(answer.sources, candidate);
  const word = text(candidate.finishReason);
  if (word !== "" && word !== "FINISH_REASON_UNSPECIFIED") answer.finishWord = word;
  answer.metadata = { ...answer.metadata, ...metadataOf(candidate) };
}

/** What else a candidate says; Google wants its search suggestions (`searchEntryPoint`) shown. */
const metadataFields = [
  "finishMessage",
  "safetyRatings",
  "groundingMetadata",
  "urlContextMetadata",
  "continuationToken",
  "avgLogprobs",
  "logprobsResult",
] as const satisfies readonly (keyof Candidate)[];

function metadataOf(candidate: JsonObject): JsonObject {
  const said = metadataFields.filter((name) => candidate[name] !== undefined && candidate[name] !== null);
  return Object.fromEntries(said.map((name) => [name, candidate[name] ?? null]));
}

function readPart(answer: GeminiAnswer, part: JsonObject): void {
  const signature = text(part.thoughtSignature);
  const state: PartState = signature === "" ? {} : { thoughtSignature: signature };
  const hosted = toHostedPart(part);
  if (part.functionCall) readFunctionCall(answer, object(part.functionCall), state);
  else if (hosted) readHostedPart(answer, part, hosted);
  else if (part.inlineData || part.fileData) readMedia(answer, part, state);
  else if (part.thought === true) readThought(answer, text(part.text), state);
  else readText(answer, text(part.text) || text(object(part.audioTranscription).text), state);
}

function readThought(answer: GeminiAnswer, thought: string, state: PartState): void {
  const shown = answer.context.hideReasoning ? "" : thought;
  if (shown === "" && !state.thoughtSignature) return;
  writePiece(answer, "reasoning", shown, { ...state, ...(state.thoughtSignature && { thought: true }) });
}

/** A signature without a text of its own belongs to the text before it, or else stands alone. */
function readText(answer: GeminiAnswer, more: string, state: PartState): void {
  if (more === "" && !state.thoughtSignature) return;
  const alone = more === "" && (answer.open?.type !== "text" || answer.open.state !== undefined);
  writePiece(answer, alone ? "reasoning" : "text", more, state);
}

/** A signed piece ends its part, which remembers where the piece began. */
function writePiece(answer: GeminiAnswer, type: OpenPart["type"], more: string, state: PartState): void {
  if (more === "" && type === "reasoning") closePart(answer);
  const part = openPart(answer, type);
  const offset = part.text.length;
  part.text += more;
  if (more !== "") answer.events.push({ type: "delta", key: part.key, text: more });
  if (state.thoughtSignature) part.state = { ...state, ...(offset > 0 && { offset }) };
}

function openPart(answer: GeminiAnswer, type: OpenPart["type"]): OpenPart {
  if (answer.open?.type === type && !answer.open.state) return answer.open;
  closePart(answer);
  answer.open = { type, key: startPart(answer, { type }), text: "" };
  return answer.open;
}

function closePart(answer: GeminiAnswer): void {
  const part = answer.open;
  if (!part) return;
  answer.open = undefined;
  const redacted = part.type === "reasoning" && part.text === "";
  finishPart(answer, part.key, part.state, { ...(redacted && { redacted }), ...citationsOf(answer, part) });
  if (part.type === "text") answer.textBefore += part.text;
}

function citationsOf(answer: GeminiAnswer, { type, text }: OpenPart): Pick<Ending, "citations"> {
  if (type !== "text" || answer.sources === noSources) return {};
  const citations = toCitations(answer.sources, { before: answer.textBefore, text });
  answer.sources = noSources;
  return citations.length > 0 ? { citations } : {};
}

type Ending = Omit<Extract<ChatEvent, { type: "part-finished" }>, "type" | "key" | "providerState">;

function finishPart(answer: GeminiAnswer, key: string, state: PartState = {}, ending: Ending = {}): void {
  const providerState = writePartState(answer.context.kind, state);
  answer.events.push({ type: "part-finished", key, ...ending, ...(providerState && { providerState }) });
}

function startPart(answer: GeminiAnswer, part: PartHead): string {
  const key = String(answer.partCount++);
  answer.events.push({ type: "part-started", key, part });
  return key;
}

function readFunctionCall(answer: GeminiAnswer, value: JsonObject, state: PartState): void {
  const call = value as Unchecked<FunctionCall>;
  if (text(call.name) === "") goOn(answer, call);
  else startCall(answer, call, state);
}

function startCall(answer: GeminiAnswer, call: Unchecked<FunctionCall>, state: PartState): void {
  if (answer.call) finishCall(answer, answer.call);
  closePart(answer);
  const key = startPart(answer, callHead(answer, call));
  if (call.willContinue === true || call.partialArgs) {
    answer.call = { key, state, args: newPartialArguments() };
    goOn(answer, call);
    return;
  }
  answer.events.push({ type: "delta", key, text: JSON.stringify(object(call.args)) });
  finishPart(answer, key, state);
}

/** The function that stands for a JSON answer is no call for anyone. */
function callHead(answer: GeminiAnswer, { id, name }: Unchecked<FunctionCall>): PartHead {
  if (answer.context.answerTool === name) return { type: "text" };
  answer.calledTools = true;
  return { type: "tool-call", id: text(id) || randomId("call"), name: text(name), executor: "client" };
}

function goOn(answer: GeminiAnswer, call: Unchecked<FunctionCall>): void {
  if (!answer.call) throw unreadableAnswer("a function call without a name");
  addPartialArguments(answer.call.args, call.partialArgs);
  if (call.willContinue !== true) finishCall(answer, answer.call);
}

function finishCall(answer: GeminiAnswer, { key, state, args }: OpenCall): void {
  answer.call = undefined;
  answer.events.push({ type: "delta", key, text: partialArgumentsJson(args) });
  finishPart(answer, key, state);
}

/** Old models give no ids: a result is that of the call before it. */
function readHostedPart(answer: GeminiAnswer, part: JsonObject, hosted: HostedPart): void {
  closePart(answer);
  if (hosted.type === "tool-result") {
    const providerState = writePartState(answer.context.kind, { part });
    const toolCallId = hosted.toolCallId || answer.lastHostedCall;
    answer.events.push({ type: "part", part: { ...hosted, toolCallId, media: [], providerState } });
    return;
  }
  const { argumentsJson, ...head } = hosted;
  const id = head.id || randomId("call");
  answer.lastHostedCall = id;
  const key = startPart(answer, { ...head, id, executor: "provider" });
  answer.events.push({ type: "delta", key, text: argumentsJson });
  finishPart(answer, key, { part });
}

/** Pictures among the thoughts are drafts of the one that follows. */
function readMedia(answer: GeminiAnswer, part: JsonObject, state: PartState): void {
  if (part.thought === true) return;
  const media = toMedia(part);
  if (media.data && media.mimeType.startsWith("audio/")) {
    answer.audio ??= { mimeType: media.mimeType, pieces: [] };
    answer.audio.pieces.push(media.data);
    return;
  }
  closePart(answer);
  if (media.mimeType.startsWith("image/")) answer.imageCount++;
  const providerState = writePartState(answer.context.kind, state);
  answer.events.push({ type: "part", part: { type: "media", media, ...(providerState && { providerState }) } });
}
