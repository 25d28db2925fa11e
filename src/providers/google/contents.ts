import type { Message, Part, ToolCallPart } from "../../core/chat.ts";
import { isJsonObject, type JsonObject } from "../../core/json.ts";
import { type RawJson, rawJson } from "../openai-compatible/json-text.ts";
import type { Notes } from "../openai-compatible/notes.ts";
import { toMediaPart, type WirePart } from "./content-parts.ts";
import { toFunctionResponse } from "./function-responses.ts";
import { isGemini3 } from "./model-families.ts";
import { type PartState, readPartState } from "./part-state.ts";

/** One turn on the wire; there are no other roles. */
export interface WireContent {
  readonly role: "user" | "model";
  readonly parts: readonly WirePart[];
}

interface Mapping {
  readonly kind: string;
  readonly notes: Notes;
  readonly model: string;
  /** The names of the functions that were called, by the ids of the calls. */
  readonly names: Map<string, string>;
}

/** The conversation as turns; neighbours of one role are one turn. System messages are elsewhere. */
export function toContents(
  messages: readonly Message[],
  setup: Pick<Mapping, "kind" | "notes" | "model">,
): readonly WireContent[] {
  const mapping: Mapping = { ...setup, names: new Map() };
  const contents = messages.map((message, index) => toContent(message, `messages[${index}]`, mapping));
  return mergeTurns(contents.filter(({ parts }) => parts.length > 0));
}

function toContent(message: Message, field: string, mapping: Mapping): WireContent {
  if (message.role === "system") return { role: "user", parts: [] };
  if (message.name) mapping.notes.ignored(`${field}.name`);
  const asModel = message.role === "assistant";
  const toParts = asModel ? modelParts : userParts;
  const parts = message.parts.flatMap((part, index) => toParts(part, `${field}.parts[${index}]`, mapping));
  return asModel ? { role: "model", parts: withSignature(parts, mapping) } : { role: "user", parts };
}

function mergeTurns(contents: readonly WireContent[]): readonly WireContent[] {
  const turns: WireContent[] = [];
  for (const content of contents) {
    const last = turns.at(-1);
    if (last?.role === content.role) turns[turns.length - 1] = joinTurns(last, content);
    else turns.push(content);
  }
  return turns;
}

/** All responses to a turn's calls have to come together, before anything else. */
function joinTurns({ role, parts }: WireContent, next: WireContent): WireContent {
  const joined = [...parts, ...next.parts];
  const isResponse = (part: WirePart) => part.functionResponse !== undefined;
  return { role, parts: [...joined.filter(isResponse), ...joined.filter((part) => !isResponse(part))] };
}

function userParts(part: Part, field: string, mapping: Mapping): readonly WirePart[] {
  switch (part.type) {
    case "text":
      return part.text === "" ? [] : [{ text: part.text }];
    case "media":
      return [toMediaPart(part.media, `${field}.media`)];
    case "tool-result": {
      const name = mapping.names.get(part.toolCallId) ?? (part.name || part.toolCallId);
      return toFunctionResponse(part, { name, field, mediaInside: isGemini3(mapping.model) });
    }
    case "reasoning":
    case "tool-call":
      return [];
  }
}

function modelParts(part: Part, field: string, mapping: Mapping): readonly WirePart[] {
  const state = readPartState(part, field, mapping);
  switch (part.type) {
    case "text":
      return signedText(part.text, state);
    case "reasoning":
      // Thoughts themselves are of no use to the API, their signatures are.
      return state ? signedText(part.text, state) : [];
    case "tool-call":
      return callParts(part, state, field, mapping);
    case "tool-result":
      return state?.part ? [state.part] : [];
    case "media":
      return [{ ...toMediaPart(part.media, `${field}.media`), ...signatureOf(state) }];
  }
}

/** Text takes its signature back in the piece that it came with. */
function signedText(text: string, state: PartState | undefined): readonly WirePart[] {
  const thought = state?.thought && { thought: true };
  const signature = signatureOf(state);
  const start = signature.thoughtSignature === undefined ? 0 : Math.min(state?.offset ?? 0, text.length);
  const unsigned = start > 0 ? [{ text: text.slice(0, start), ...thought }] : [];
  const rest = text.slice(start);
  return rest === "" && !signature.thoughtSignature
    ? unsigned
    : [...unsigned, { text: rest, ...thought, ...signature }];
}

function signatureOf(state: PartState | undefined): { thoughtSignature?: string } {
  return state?.thoughtSignature === undefined ? {} : { thoughtSignature: state.thoughtSignature };
}

function callParts(
  part: ToolCallPart,
  state: PartState | undefined,
  field: string,
  { names, notes }: Mapping,
): readonly WirePart[] {
  if (state?.part) return [state.part];
  if (part.executor === "provider") {
    notes.dropped(field, "a call of another provider's own tool");
    return [];
  }
  names.set(part.id, part.name);
  const args = toArguments(part.argumentsJson);
  return [{ functionCall: { id: part.id, name: part.name, args }, ...signatureOf(state) }];
}

/** As they were written; the API takes objects alone, so that what a model got wrong is wrapped. */
function toArguments(argumentsJson: string): RawJson | JsonObject {
  if (argumentsJson.trim() === "") return {};
  try {
    if (isJsonObject(JSON.parse(argumentsJson))) return rawJson(argumentsJson, "argumentsJson");
  } catch {
    // Wrapped below.
  }
  return { arguments: argumentsJson };
}

/**
 * Gemini 3 refuses a turn whose first call has no signature; for calls that another model made, Google documents this word in
 * its place: ai.google.dev/gemini-api/docs/thought-signatures, docs.cloud.google.com, "Thought signatures".
 */
function withSignature(parts: readonly WirePart[], { model }: Mapping): readonly WirePart[] {
  const first = parts.findIndex((part) => part.functionCall !== undefined);
  const call = parts[first];
  if (!call || call.thoughtSignature !== undefined || !isGemini3(model)) return parts;
  return parts.with(first, { ...call, thoughtSignature: "skip_thought_signature_validator" });
}
