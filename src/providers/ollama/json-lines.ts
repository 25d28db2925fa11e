import { isJsonObject, type JsonObject } from "../../core/json.ts";
import { unreadableAnswer } from "../openai-compatible/broken-stream.ts";

/**
 * Parses lines that have to be JSON objects; throws `bad_provider_response` for one that is none. A last line that breaks
 * off in the middle is left out: the caller sees that the end it waits for has not come.
 */
export async function* readObjects(lines: AsyncIterable<string>): AsyncGenerator<JsonObject, void, undefined> {
  let incomplete: Error | undefined;
  for await (const line of lines) {
    if (incomplete) throw unreadableAnswer("a line that is not JSON", incomplete);
    if (!line.startsWith("{")) throw unreadableAnswer("a line that is not a JSON object");
    const value = parse(line);
    if (value instanceof Error) incomplete = value;
    else if (isJsonObject(value)) yield value;
  }
}

/** The value, or why there is none. */
function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    return error;
  }
}
