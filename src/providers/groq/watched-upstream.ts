import type { JsonObject } from "../../core/json.ts";
import type { ServerSentEvent, Upstream } from "../../core/upstream.ts";
import { object, objects } from "../openai-compatible/json-fields.ts";
import type { ExecutedTools } from "./executed-tools.ts";

/**
 * The same upstream, whose answers are also read for `executed_tools`, which nobody but Groq has in chat completions: in the
 * `delta` of a chunk, or the `message` of a whole answer.
 */
export function withExecutedTools(upstream: Upstream, tools: ExecutedTools): Upstream {
  return {
    ...upstream,
    async events(request, signal) {
      const answer = await upstream.events(request, signal);
      return { ...answer, events: watch(answer.events, tools) };
    },
    async json(request, signal) {
      const answer = await upstream.json(request, signal);
      readAnswer(object(answer.value), tools);
      return answer;
    },
  };
}

/**
 * Nearly every chunk is a piece of text: only one that names the field is parsed twice. One by one, not in batches: what a tool
 * did has to be told before what comes after it.
 */
async function* watch(events: AsyncIterable<ServerSentEvent>, tools: ExecutedTools): AsyncGenerator<ServerSentEvent> {
  for await (const event of events) {
    if (event.data.includes('"executed_tools"')) readAnswer(parse(event.data), tools);
    yield event;
  }
}

function readAnswer(answer: JsonObject, tools: ExecutedTools): void {
  const [choice] = objects(answer.choices);
  const { executed_tools } = object(choice?.delta ?? choice?.message);
  for (const tool of objects(executed_tools)) tools.read(tool);
}

/** A chunk that is no JSON is the next reader's to complain of. */
function parse(data: string): JsonObject {
  try {
    return object(JSON.parse(data));
  } catch {
    return {};
  }
}
