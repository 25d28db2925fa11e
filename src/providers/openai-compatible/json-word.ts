import type { Message, OutputFormat, Part } from "../../core/chat.ts";

/** What a model is told that shall answer with any JSON object, where nobody has. */
export const jsonSentence = "Answer with a JSON object.";

/**
 * Whether a call asks for any JSON object and never says so. OpenAI and others then refuse it: "'messages' must contain the
 * word 'json' in some form, to use 'response_format' of type 'json_object'".
 */
export function lacksJsonWord(
  format: OutputFormat | undefined,
  instructions: string,
  said: readonly Message[],
): boolean {
  if (format?.type !== "json-object" || hasWord(instructions)) return false;
  return !said.some(({ parts }) => parts.some(mentionsJson));
}

function mentionsJson(part: Part): boolean {
  return (part.type === "text" || part.type === "tool-result") && hasWord(part.text);
}

function hasWord(text: string): boolean {
  return /json/i.test(text);
}
