import type { ChatEvent } from "../../core/chat.ts";
import type { JsonObject } from "../../core/json.ts";
import { randomId } from "../../core/random-id.ts";
import type { Warning } from "../../core/route.ts";
import type { Usage } from "../../core/usage.ts";
import { unreadableAnswer } from "../openai-compatible/broken-stream.ts";
import { streamError } from "../openai-compatible/error.ts";
import { toFinishReason } from "../openai-compatible/finish-reason.ts";
import { count } from "../openai-compatible/json-fields.ts";
import { present } from "../openai-compatible/usage.ts";
import type { CalledTool, ChatLine } from "./chat-wire.ts";

/** What a reader has to know of the call whose answer it reads. */
export interface AnswerContext {
  /** What the request did differently; goes out with the `response` event. */
  readonly warnings: readonly Warning[];
  readonly hideReasoning: boolean;
}

/** An answer as far as it has been read. */
export interface ChatAnswer {
  readonly context: AnswerContext;
  began: boolean;
  partCount: number;
  /** Text and thinking are open one at a time. */
  open?: { readonly type: "text" | "reasoning"; readonly key: string };
  calledTools: boolean;
  finished: boolean;
}

export function newChatAnswer(context: AnswerContext): ChatAnswer {
  return { context, began: false, partCount: 0, calledTools: false, finished: false };
}

/** The events of one line, or of a whole unary answer. Throws what the vendor reports as an error. */
export function readLine(answer: ChatAnswer, line: ChatLine): readonly ChatEvent[] {
  if (line.error) throw streamError(line.error);
  const thinking = answer.context.hideReasoning ? "" : line.thinking;
  return [
    ...begin(answer, line),
    ...write(answer, "reasoning", thinking),
    ...write(answer, "text", line.content),
    ...line.toolCalls.flatMap((call) => callTool(answer, call)),
    ...(line.done ? finish(answer, line) : []),
  ];
}

function begin(answer: ChatAnswer, { model }: ChatLine): readonly ChatEvent[] {
  if (answer.began) return [];
  answer.began = true;
  const { warnings } = answer.context;
  return [{ type: "response", ...(model && { model }), ...(warnings.length > 0 && { warnings }) }];
}

function write(answer: ChatAnswer, type: "text" | "reasoning", text: string): readonly ChatEvent[] {
  if (text === "") return [];
  if (answer.open?.type === type) return [{ type: "delta", key: answer.open.key, text }];
  const closed = close(answer);
  const key = nextKey(answer);
  answer.open = { type, key };
  return [...closed, { type: "part-started", key, part: { type } }, { type: "delta", key, text }];
}

function close(answer: ChatAnswer): readonly ChatEvent[] {
  const { open } = answer;
  answer.open = undefined;
  return open ? [{ type: "part-finished", key: open.key }] : [];
}

function nextKey(answer: ChatAnswer): string {
  return String(answer.partCount++);
}

/** A call comes whole. */
function callTool(answer: ChatAnswer, call: CalledTool): readonly ChatEvent[] {
  if (call.name === "") throw unreadableAnswer("a tool call without a name");
  const closed = close(answer);
  const key = nextKey(answer);
  const id = call.id || randomId("call");
  answer.calledTools = true;
  return [
    ...closed,
    { type: "part-started", key, part: { type: "tool-call", id, name: call.name, executor: "client" } },
    { type: "delta", key, text: call.argumentsJson },
    { type: "part-finished", key },
  ];
}

/** Older versions give no reason when a model simply stops; after a tool call the word is `stop`, too. */
function finish(answer: ChatAnswer, { doneReason, fields }: ChatLine): readonly ChatEvent[] {
  const closed = close(answer);
  answer.finished = true;
  const facts = { calledTools: answer.calledTools, refused: false };
  const metadata = pick(fields, metadataFields);
  return [
    ...closed,
    {
      type: "finished",
      finishReason: toFinishReason(doneReason || "stop", facts),
      providerFinishReason: doneReason,
      usage: readUsage(fields),
      ...(Object.keys(metadata).length > 0 && { metadata }),
    },
  ];
}

/** Cached tokens are inside `prompt_eval_count`, and come since 0.32. */
function readUsage(fields: JsonObject): Usage {
  const providerUsage = pick(fields, usageFields);
  if (Object.keys(providerUsage).length === 0) return {};
  return present({
    inputTokens: count(fields.prompt_eval_count),
    outputTokens: count(fields.eval_count),
    cachedInputTokens: count(fields.prompt_eval_cached_count),
    providerUsage,
  });
}

const usageFields = ["prompt_eval_count", "prompt_eval_cached_count", "eval_count"];

/** Durations are nanoseconds; `remote_…` says that the model runs on ollama.com. */
const metadataFields = [
  "created_at",
  "total_duration",
  "load_duration",
  "prompt_eval_duration",
  "eval_duration",
  "remote_model",
  "remote_host",
];

function pick(fields: JsonObject, names: readonly string[]): JsonObject {
  return Object.fromEntries(names.flatMap((name) => (fields[name] === undefined ? [] : [[name, fields[name]]])));
}
