import type { FunctionResponse } from "@google/genai";
import type { ToolResultPart } from "../../core/chat.ts";
import type { JsonObject } from "../../core/json.ts";
import { toMediaPart, type WirePart } from "./content-parts.ts";

/** What answering a call needs to know. */
interface CallFacts {
  /** The function's name, which the API wants again. */
  readonly name: string;
  readonly field: string;
  /** Whether the model takes media inside a response; else it comes right after, as the user's. */
  readonly mediaInside: boolean;
}

/** A tool's result as parts: the response, and what could not go into it. */
export function toFunctionResponse(result: ToolResultPart, { name, field, mediaInside }: CallFacts): WirePart[] {
  const media = result.media.map((item, index) => toMediaPart(item, `${field}.toolResult.media[${index}]`));
  const functionResponse: FunctionResponse = {
    id: result.toolCallId,
    name,
    response: toResponse(result),
    ...(mediaInside && media.length > 0 && { parts: media }),
  };
  if (mediaInside || media.length === 0) return [{ functionResponse }];
  return [{ functionResponse }, { text: `Returned by the function ${name}:` }, ...media];
}

/** The keys `output` and `error` are the API's own; an object without them counts as the output. */
function toResponse({ text, structured, failed, media }: ToolResultPart): JsonObject {
  if (failed) return { error: structured ?? (text || "The tool failed.") };
  if (structured) return structured;
  return { output: text || (media.length > 0 ? "The result follows." : "") };
}
