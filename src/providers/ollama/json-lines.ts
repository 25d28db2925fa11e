import { isJsonObject, type JsonObject } from "../../core/json.ts";
import type { Batched } from "../../streams/batches.ts";
import { converted } from "../../streams/converted.ts";
import { unreadableAnswer } from "../openai-compatible/broken-stream.ts";

/**
 * Parses lines that have to be JSON objects; throws `bad_provider_response` for one that is none. A last line that breaks
 * off in the middle is left out: the caller sees that the end it waits for has not come.
 */
export function readObjects(lines: AsyncIterable<string>): Batched<JsonObject> {
  let incomplete: Error | undefined;
  let objects: JsonObject[] = [];
  const readLine = (line: string) => {
    if (incomplete) throw unreadableAnswer("a line that is not JSON", incomplete);
    if (!line.startsWith("{")) throw unreadableAnswer("a line that is not a JSON object");
    const value = parse(line);
    if (value instanceof Error) incomplete = value;
    else if (isJsonObject(value)) objects.push(value);
  };
  return converted(lines, {
    read(batch) {
      for (const line of batch) readLine(line);
      return false;
    },
    end(failure) {
      if (failure) throw failure.error;
    },
    take() {
      const taken = objects;
      objects = [];
      return taken;
    },
  });
}

/** The value, or why there is none. */
function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    return error;
  }
}
