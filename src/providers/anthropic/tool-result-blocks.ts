import type { ToolResultBlockParam } from "@anthropic-ai/sdk/resources/messages";
import type { ToolResultPart } from "../../core/chat.ts";
import { resultText } from "../openai-compatible/chat-messages.ts";
import { acceptedId } from "../openai-compatible/tool-call-id.ts";
import { type MediaBlock, toMediaBlock } from "./content-blocks.ts";
import { toolCallIds } from "./tool-call-ids.ts";

/**
 * A caller's result. What else than text a failed tool returned follows as the user's, because the API takes nothing but
 * text in a result with `is_error`. `toolset` is the family of tools that the call named, if any.
 */
export function toResultBlocks(
  part: ToolResultPart,
  toolset: string,
  field: string,
): readonly (ToolResultBlockParam | MediaBlock)[] {
  const media = part.media.map((item, index) => toMediaBlock(item, `${field}.toolResult.media[${index}]`));
  const said = part.text || part.structured || media.length === 0 || part.failed ? resultText(part) : "";
  const words = said.trim() === "" ? [] : [{ type: "text", text: said } as const];
  const inside = part.failed ? [] : media;
  const result: ToolResultBlockParam = {
    type: "tool_result",
    tool_use_id: acceptedId(part.toolCallId, toolCallIds),
    ...(words.length + inside.length > 0 && { content: inside.length > 0 ? [...words, ...inside] : said }),
    ...(part.failed && { is_error: true }),
    ...(toolset && { toolset_name: toolset }),
  };
  return part.failed ? [result, ...media] : [result];
}
