import type {
  ResponseOutputMessage,
  ResponseOutputText,
  ResponseReasoningItem,
} from "openai/resources/responses/responses";
import type { ChatEvent, Citation, PartHead, ProviderState } from "../../core/chat.ts";
import type { JsonObject } from "../../core/json.ts";
import type { AnswerContext } from "../openai-compatible/answer-context.ts";
import { objects, text, type Unchecked } from "../openai-compatible/json-fields.ts";
import { writeState } from "../openai-compatible/provider-state.ts";
import { callIdOf, type HostedCall, isClientCall, payloadOf, toHostedCall } from "./responses-call-items.ts";

/** An answer as far as it has been read. Readers add to `events`; whoever drives them takes those out. */
export interface ResponsesAnswer {
  readonly context: AnswerContext;
  events: ChatEvent[];
  began: boolean;
  readonly open: Map<string, OpenPart>;
  /** Positions of the items that are complete, and the ids of the calls among them. */
  readonly finished: Set<number | string>;
  /** By position, where a second call stands at a place that is taken: its key. */
  readonly seconds: Map<number, string>;
  refused: boolean;
  calledTools: boolean;
}

interface OpenPart {
  readonly key: string;
  wrote: boolean;
  citations: readonly Citation[];
}

export function newResponsesAnswer(context: AnswerContext): ResponsesAnswer {
  return {
    context,
    events: [],
    began: false,
    open: new Map(),
    finished: new Set(),
    seconds: new Map(),
    refused: false,
    calledTools: false,
  };
}

/** Takes the events that the last event of the vendor's gave. */
export function takeEvents(answer: ResponsesAnswer): readonly ChatEvent[] {
  const { events } = answer;
  answer.events = [];
  return events;
}

/** Tells once that the vendor answers. */
export function begin(answer: ResponsesAnswer, response: JsonObject): void {
  if (answer.began) return;
  const { requestId, warnings = [] } = answer.context;
  const model = text(response.model);
  answer.began = true;
  answer.events.push({
    type: "response",
    ...(model && { model }),
    ...(requestId && { requestId }),
    ...(warnings.length > 0 && { warnings }),
  });
}

/** An item begins. Text and reasoning wait for their first word, an unknown item for its end. */
export function startItem(answer: ResponsesAnswer, item: JsonObject, index: number): void {
  const head = callHead(item);
  if (head?.type !== "tool-call") return;
  // Some servers number parallel calls alike, one after the other: the second is a call of its own.
  if (answer.finished.has(index) && !answer.finished.has(head.id)) answer.seconds.set(index, `${index} ${head.id}`);
  openPart(answer, itemKey(answer, index), head);
}

/** The key of the item that is being written at a position. */
export function itemKey(answer: ResponsesAnswer, index: number): string {
  return answer.seconds.get(index) ?? String(index);
}

/** More of a part whose kind the event itself tells. */
export function writeText(answer: ResponsesAnswer, key: string, type: "text" | "reasoning", more: string): void {
  if (more !== "") write(answer, openPart(answer, key, { type }), more);
}

/** More of a call's arguments. One that has not begun is read when its item is complete. */
export function writeArguments(answer: ResponsesAnswer, key: string, more: string): void {
  const part = answer.open.get(key);
  if (part && more !== "") write(answer, part, more);
}

/** A summary comes in several pieces: an empty line stands between them. */
export function separateSummary(answer: ResponsesAnswer, key: string): void {
  if (answer.open.get(key)?.wrote) writeText(answer, key, "reasoning", "\n\n");
}

export function addCitation(answer: ResponsesAnswer, key: string, annotation: JsonObject): void {
  const part = answer.open.get(key);
  if (part) part.citations = [...part.citations, ...toCitation(annotation)];
}

/** An item is complete: whatever of it was not streamed is read from it now. */
export function finishItem(answer: ResponsesAnswer, item: JsonObject, index: number): void {
  const call = callHead(item);
  const name = call?.type === "tool-call" && call.id !== "" ? call.id : index;
  if (answer.finished.has(name)) return;
  if (name !== index && answer.finished.has(index) && !answer.seconds.has(index)) {
    answer.seconds.set(index, `${index} ${name}`);
  }
  answer.finished.add(name).add(index);
  readItem(answer, item, itemKey(answer, index));
}

function readItem(answer: ResponsesAnswer, item: JsonObject, key: string): void {
  switch (item.type) {
    case "message":
      finishMessage(answer, item, key);
      break;
    case "reasoning":
      finishReasoning(answer, item, key);
      break;
    case "function_call":
      finishFunctionCall(answer, item, key);
      break;
    case "image_generation_call":
      finishImage(answer, item);
      break;
    default:
      finishOther(answer, item, key);
  }
}

/** Ends parts that the vendor left open, as servers do that leave out `output_item.done`. */
export function finishOpenParts(answer: ResponsesAnswer): void {
  for (const part of answer.open.values()) closePart(answer, part);
}

function finishMessage(answer: ResponsesAnswer, item: JsonObject, itemKey: string): void {
  const { content, phase } = item as Unchecked<ResponseOutputMessage>;
  const said = objects(content);
  for (const [position, piece] of said.entries()) {
    const key = `${itemKey}.${position}`;
    if (piece.type === "refusal") answer.refused = true;
    if (!answer.open.get(key)?.wrote) writeText(answer, key, "text", text(piece.text) || text(piece.refusal));
    const part = answer.open.get(key);
    if (part) closePart(answer, part, { ...annotationsOf(piece), ...phaseState(answer, text(phase)) });
  }
}

function annotationsOf({ annotations }: Unchecked<ResponseOutputText>): { citations?: readonly Citation[] } {
  const citations = objects(annotations).flatMap(toCitation);
  return citations.length > 0 ? { citations } : {};
}

/** Commentary and final answer have to be told apart again when they come back: "Phase" in the reasoning guide. */
function phaseState({ context }: ResponsesAnswer, phase: string): { providerState?: ProviderState } {
  return phase === "" ? {} : { providerState: writeState(context.kind, { type: "message", phase }) };
}

/** Files that were cited have no address, only their names. */
function toCitation(annotation: JsonObject): Citation[] {
  const { type, url, title, filename, file_id, start_index, end_index } = annotation;
  const uri = text(url) || text(file_id);
  if (type === "file_path" || uri === "") return [];
  return [
    {
      uri,
      title: text(title) || text(filename),
      quote: "",
      ...(typeof start_index === "number" && { startIndex: start_index }),
      ...(typeof end_index === "number" && { endIndex: end_index }),
    },
  ];
}

function finishReasoning(answer: ResponsesAnswer, item: JsonObject, key: string): void {
  const { summary, content, encrypted_content } = item as Unchecked<ResponseReasoningItem>;
  if (!answer.context.hideReasoning && !answer.open.get(key)?.wrote) {
    const pieces = [...objects(summary), ...objects(content)].map((piece) => text(piece.text));
    writeText(answer, key, "reasoning", pieces.join("\n\n"));
  }
  // Without its encrypted content the vendor, which keeps nothing, could not find the item again.
  const state = text(encrypted_content) ? item : undefined;
  if (state || answer.open.has(key)) finishOpaque(answer, key, state);
}

/** Ends a reasoning part; one that got no text has nothing but the state that has to come back. */
function finishOpaque(answer: ResponsesAnswer, key: string, state: JsonObject | undefined): void {
  const part = openPart(answer, key, { type: "reasoning" });
  closePart(answer, part, {
    ...(state && { providerState: writeState(answer.context.kind, state) }),
    ...(!part.wrote && { redacted: true }),
  });
}

function finishFunctionCall(answer: ResponsesAnswer, item: JsonObject, key: string): void {
  // A call that a program of the vendor's makes, or one of a namespace, has to come back as it was.
  const state = item.caller || item.namespace ? item : undefined;
  answer.calledTools = true;
  finishCall(answer, key, { item, argumentsJson: text(item.arguments) || "{}", state });
}

function finishImage(answer: ResponsesAnswer, item: JsonObject): void {
  const { result, ...rest } = item;
  const data = Buffer.from(text(result), "base64");
  if (data.length === 0) return;
  const mimeType = `image/${text(item.output_format) || "png"}`;
  const providerState = writeState(answer.context.kind, rest);
  answer.events.push({ type: "part", part: { type: "media", media: { data, mimeType }, providerState } });
}

/** What we do not know may be needed again, as compactions, programs and lists of tools are: it is kept as state. */
function finishOther(answer: ResponsesAnswer, item: JsonObject, key: string): void {
  const call = toHostedCall(item);
  if (isClientCall(item)) finishClientCall(answer, item, key);
  else if (call) finishHostedCall(answer, key, { item, call });
  else if (text(item.type).endsWith("_output")) addOutput(answer, item);
  else finishOpaque(answer, key, item);
}

function finishClientCall(answer: ResponsesAnswer, item: JsonObject, key: string): void {
  answer.calledTools = true;
  finishCall(answer, key, { item, argumentsJson: JSON.stringify(payloadOf(item)), state: item });
}

interface FinishedCall {
  readonly item: JsonObject;
  readonly argumentsJson: string;
  readonly state: JsonObject | undefined;
}

function finishCall(answer: ResponsesAnswer, key: string, { item, argumentsJson, state }: FinishedCall): void {
  const part = openPart(answer, key, callHead(item) ?? { type: "reasoning" });
  if (!part.wrote) write(answer, part, argumentsJson);
  closePart(answer, part, state && { providerState: writeState(answer.context.kind, state) });
}

function finishHostedCall(
  answer: ResponsesAnswer,
  key: string,
  { item, call }: { readonly item: JsonObject; readonly call: HostedCall },
): void {
  const { name, argumentsJson, result } = call;
  finishCall(answer, key, { item, argumentsJson, state: item });
  if (!result) return;
  answer.events.push({ type: "part", part: { type: "tool-result", toolCallId: callIdOf(item), name, ...result } });
}

/** What a tool returned that the vendor itself ran, as an item of its own. */
function addOutput(answer: ResponsesAnswer, item: JsonObject): void {
  answer.events.push({
    type: "part",
    part: {
      type: "tool-result",
      toolCallId: callIdOf(item),
      name: text(item.type).replace(/(_call)?_output$/, ""),
      text: text(item.output),
      structured: payloadOf(item),
      media: [],
      failed: item.status === "failed",
      providerState: writeState(answer.context.kind, item),
    },
  });
}

function callHead(item: JsonObject): PartHead | undefined {
  const id = callIdOf(item);
  if (item.type === "function_call") return { type: "tool-call", id, name: text(item.name), executor: "client" };
  if (isClientCall(item)) return { type: "tool-call", id, name: text(item.type), executor: "client" };
  const call = toHostedCall(item);
  return call && { type: "tool-call", id, name: call.name, executor: "provider" };
}

function openPart(answer: ResponsesAnswer, key: string, head: PartHead): OpenPart {
  const open = answer.open.get(key);
  if (open) return open;
  const part = { key, wrote: false, citations: [] };
  answer.open.set(key, part);
  answer.events.push({ type: "part-started", key, part: head });
  return part;
}

function write(answer: ResponsesAnswer, part: OpenPart, more: string): void {
  part.wrote = true;
  answer.events.push({ type: "delta", key: part.key, text: more });
}

type Ending = Omit<Extract<ChatEvent, { type: "part-finished" }>, "type" | "key">;

function closePart(answer: ResponsesAnswer, part: OpenPart, ending: Ending = {}): void {
  const { key, citations } = part;
  answer.open.delete(key);
  answer.events.push({ type: "part-finished", key, ...(citations.length > 0 && { citations }), ...ending });
}
