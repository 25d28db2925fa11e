import { randomUUID } from "node:crypto";
import type { ChatEvent, Citation, PartHead } from "../../core/chat.ts";
import type { JsonObject } from "../../core/json.ts";
import type { AnswerContext } from "./answer-context.ts";
import { brokenStream, unreadableAnswer } from "./broken-stream.ts";
import type { Chunk, ToolCallPiece } from "./chat-wire.ts";
import { streamError } from "./error.ts";
import { isTrouble, toFinishReason } from "./finish-reason.ts";
import { fromUrl } from "./media.ts";
import { writeState } from "./provider-state.ts";
import { addReasoningDetail, reasoningState } from "./reasoning-details.ts";
import { readChatUsage } from "./usage.ts";

/** An answer as far as it has been read. Readers add to `events`; whoever drives them takes those out. */
export interface ChatAnswer {
  readonly context: AnswerContext;
  events: ChatEvent[];
  began: boolean;
  partCount: number;
  open?: OpenPart;
  readonly tools: ToolCall[];
  citations: Citation[];
  details: JsonObject[];
  readonly audio: string[];
  refused: boolean;
  finishWord: string;
  usage?: JsonObject;
  metadata: JsonObject;
}

/** Text, a refusal and reasoning are open one at a time. */
interface OpenPart {
  readonly kind: "text" | "refusal" | "reasoning";
  readonly key: string;
  wrote: boolean;
}

/** A tool call stays open until the answer ends: some servers go on with an earlier call after a later one has begun. */
interface ToolCall {
  readonly index?: number;
  readonly custom: boolean;
  id: string;
  name: string;
  /** Empty until the part has started, which waits for the whole name. */
  key: string;
  wrote: boolean;
  /** A custom tool's input, which becomes JSON when it is whole. */
  input: string;
  extra?: JsonObject;
}

export function newChatAnswer(context: AnswerContext): ChatAnswer {
  return {
    context,
    events: [],
    began: false,
    partCount: 0,
    tools: [],
    citations: [],
    details: [],
    audio: [],
    refused: false,
    finishWord: "",
    metadata: {},
  };
}

/** Takes the events that the last chunk gave. */
export function takeEvents(answer: ChatAnswer): readonly ChatEvent[] {
  const { events } = answer;
  answer.events = [];
  return events;
}

/** Reads one chunk, or a whole unary answer. Throws what the vendor reports as an error. */
export function readChunk(answer: ChatAnswer, chunk: Chunk): void {
  if (chunk.error) throw streamError(chunk.error, answer.context.requestId);
  begin(answer, chunk);
  readReasoning(answer, chunk);
  if (chunk.content !== "") write(answer, openPart(answer, "text"), chunk.content);
  if (chunk.refusal !== "") readRefusal(answer, chunk.refusal);
  if (chunk.audio) readAudio(answer, chunk.audio);
  for (const citation of chunk.citations) addCitation(answer, citation);
  for (const url of chunk.imageUrls) readImage(answer, url);
  for (const piece of chunk.toolCalls) readToolCall(answer, piece);
  if (chunk.finishReason !== "") readFinish(answer, chunk);
  if (chunk.usage) answer.usage = chunk.usage;
}

/** Closes what is open and says how it ended. Throws `stream_broken` when no `finish_reason` came. */
export function finishAnswer(answer: ChatAnswer): void {
  if (answer.finishWord === "") throw brokenStream("a finish_reason", answer.context.requestId);
  closePart(answer);
  for (const tool of answer.tools) finishToolCall(answer, tool);
  if (answer.audio.length > 0) answer.events.push({ type: "part", part: audioPart(answer) });
  const calledTools = answer.tools.some((tool) => !isAnswer(answer, tool));
  answer.events.push({
    type: "finished",
    finishReason: toFinishReason(answer.finishWord, { calledTools, refused: answer.refused }),
    providerFinishReason: answer.finishWord,
    usage: readChatUsage(answer.usage, answer.context.reasoningOutsideCompletion),
    ...(Object.keys(answer.metadata).length > 0 && { metadata: answer.metadata }),
  });
}

/** Azure's first chunk has neither a model nor a choice, only what its filter made of the prompt. */
function begin(answer: ChatAnswer, { model, hasChoice }: Chunk): void {
  if (answer.began || (model === "" && !hasChoice)) return;
  const { requestId, warnings = [] } = answer.context;
  answer.began = true;
  answer.events.push({
    type: "response",
    ...(model && { model }),
    ...(requestId && { requestId }),
    ...(warnings.length > 0 && { warnings }),
  });
}

function readReasoning(answer: ChatAnswer, { reasoning, reasoningDetails }: Chunk): void {
  const shown = answer.context.hideReasoning ? "" : reasoning;
  if (shown === "" && reasoningDetails.length === 0) return;
  const part = openPart(answer, "reasoning");
  for (const detail of reasoningDetails) addReasoningDetail(answer.details, detail);
  if (shown !== "") write(answer, part, shown);
}

function readRefusal(answer: ChatAnswer, refusal: string): void {
  answer.refused = true;
  write(answer, openPart(answer, "refusal"), refusal);
}

function readAudio(answer: ChatAnswer, { data, transcript }: NonNullable<Chunk["audio"]>): void {
  if (data !== "") answer.audio.push(data);
  if (transcript !== "") write(answer, openPart(answer, "text"), transcript);
}

/** Perplexity tells all its sources again with every chunk. */
function addCitation({ citations }: ChatAnswer, citation: Citation): void {
  const { uri, startIndex } = citation;
  if (!citations.some((known) => known.uri === uri && known.startIndex === startIndex)) citations.push(citation);
}

function readImage(answer: ChatAnswer, url: string): void {
  closePart(answer);
  answer.events.push({ type: "part", part: { type: "media", media: fromUrl(url) } });
}

function readFinish(answer: ChatAnswer, { finishReason, metadata }: Chunk): void {
  if (isTrouble(finishReason)) {
    throw streamError({ message: `finish_reason is ${finishReason}`, code: finishReason }, answer.context.requestId);
  }
  answer.finishWord = finishReason;
  answer.metadata = metadata;
}

function openPart(answer: ChatAnswer, kind: OpenPart["kind"]): OpenPart {
  if (answer.open?.kind === kind) return answer.open;
  closePart(answer);
  startNamedTools(answer);
  const key = startPart(answer, { type: kind === "reasoning" ? "reasoning" : "text" });
  answer.open = { kind, key, wrote: false };
  return answer.open;
}

function closePart(answer: ChatAnswer): void {
  const part = answer.open;
  if (!part) return;
  answer.open = undefined;
  answer.events.push({
    type: "part-finished",
    key: part.key,
    ...(part.kind === "reasoning" ? reasoningState(answer, part.wrote) : citationsOf(answer)),
  });
}

function citationsOf(answer: ChatAnswer): { citations?: readonly Citation[] } {
  const { citations } = answer;
  answer.citations = [];
  return citations.length > 0 ? { citations } : {};
}

function startPart(answer: ChatAnswer, part: PartHead): string {
  const key = String(answer.partCount++);
  answer.events.push({ type: "part-started", key, part });
  return key;
}

function write(answer: ChatAnswer, part: { readonly key: string; wrote: boolean }, text: string): void {
  part.wrote = true;
  answer.events.push({ type: "delta", key: part.key, text });
}

function readToolCall(answer: ChatAnswer, piece: ToolCallPiece): void {
  const tool = findTool(answer.tools, piece) ?? addTool(answer, piece);
  if (tool.id === "") tool.id = piece.id;
  if (piece.extra) tool.extra = piece.extra;
  if (tool.key === "") tool.name = joinName(tool.name, piece.name);
  if (piece.arguments === "") return;
  if (tool.custom) tool.input += piece.arguments;
  else write(answer, startTool(answer, tool), piece.arguments);
}

/**
 * Finds the call a piece belongs to. Some servers give every call the index 0 (a new id with a name is then a new call),
 * some give no index (the id tells, or it goes on with the last), and some a new id with every piece of one call.
 */
function findTool(tools: readonly ToolCall[], piece: ToolCallPiece): ToolCall | undefined {
  const { id, index } = piece;
  const sameId = id === "" ? undefined : tools.find((tool) => tool.id === id);
  if (sameId) return sameId;
  const before = index === undefined ? tools.at(-1) : tools.findLast((tool) => tool.index === index);
  return before && beginsAnother(piece, before) ? undefined : before;
}

function beginsAnother({ id, index, name }: ToolCallPiece, before: ToolCall): boolean {
  if (name === "") return false;
  return id === "" ? index === undefined && before.wrote : before.id !== "";
}

function addTool(answer: ChatAnswer, { index, id, custom }: ToolCallPiece): ToolCall {
  closePart(answer);
  startNamedTools(answer);
  const tool: ToolCall = { index, custom, id, name: "", key: "", wrote: false, input: "" };
  answer.tools.push(tool);
  return tool;
}

/** Most send the name whole and once; some in pieces, some again with every piece. */
function joinName(name: string, more: string): string {
  return more.startsWith(name) ? more : name + more;
}

/** Calls that wait for their arguments begin before whatever comes after them. */
function startNamedTools(answer: ChatAnswer): void {
  for (const tool of answer.tools) if (tool.name !== "") startTool(answer, tool);
}

function startTool(answer: ChatAnswer, tool: ToolCall): ToolCall {
  if (tool.key !== "") return tool;
  if (tool.name === "") throw unreadableAnswer("a tool call without a name");
  if (tool.id === "") tool.id = `call_${randomUUID().replaceAll("-", "")}`;
  tool.key = startPart(answer, toolHead(answer, tool));
  return tool;
}

/** A custom tool is called under its type, as every tool of the vendor's own that the caller runs. */
function toolHead(answer: ChatAnswer, tool: ToolCall): PartHead {
  if (isAnswer(answer, tool)) return { type: "text" };
  return { type: "tool-call", id: tool.id, name: tool.custom ? "custom" : tool.name, executor: "client" };
}

function isAnswer({ context }: ChatAnswer, tool: ToolCall): boolean {
  return context.answerTool !== undefined && context.answerTool === tool.name;
}

function finishToolCall(answer: ChatAnswer, tool: ToolCall): void {
  startTool(answer, tool);
  if (tool.custom) write(answer, tool, JSON.stringify({ name: tool.name, input: tool.input }));
  else if (!tool.wrote) write(answer, tool, "{}");
  const { key, extra } = tool;
  const providerState = extra && writeState(answer.context.kind, { extra_content: extra });
  answer.events.push({ type: "part-finished", key, ...(providerState && { providerState }) });
}

function audioPart({ audio, context }: ChatAnswer) {
  const data = Buffer.concat(audio.map((piece) => Buffer.from(piece, "base64")));
  const mimeType = audioTypes[context.audioFormat ?? "pcm16"] ?? `audio/${context.audioFormat}`;
  return { type: "media", media: { data, mimeType } } as const;
}

/** The formats of `audio.format`; `pcm16` is 24 kHz, mono. */
const audioTypes: Readonly<Record<string, string>> = {
  pcm16: "audio/pcm;rate=24000",
  mp3: "audio/mpeg",
  opus: "audio/ogg",
};
