import type { TextCitation } from "@anthropic-ai/sdk/resources/messages";
import type { Citation } from "../../core/chat.ts";
import type { JsonObject } from "../../core/json.ts";
import { text } from "../openai-compatible/json-fields.ts";

type Names<T> = T extends unknown ? keyof T : never;

/**
 * A source of a text block. It is one for the whole block, hence no span. A document that the caller sent has no address but,
 * where it was uploaded, its id.
 */
export function toCitation(value: JsonObject): Citation {
  const { url, source, file_id, title, document_title, cited_text } = value as {
    readonly [Name in Names<TextCitation>]?: unknown;
  };
  return {
    uri: text(url) || text(source) || text(file_id),
    title: text(title) || text(document_title),
    quote: text(cited_text),
  };
}
