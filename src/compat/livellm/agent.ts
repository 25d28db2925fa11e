import { AgentService } from "../../../gen/livellm/v1/agent_service_pb.ts";
import { type OldUsage, type Progress, progressOf, usageOf } from "../agent-answer.ts";
import type { Caller, Gateway } from "../gateway.ts";
import { historyOf } from "../history.ts";
import type { JsonObject } from "../json.ts";
import type { AgentPlan, AgentRequest } from "./agent-request.ts";
import { completedJson } from "./partial-json.ts";

/** AgentResponse as livellm's clients read it. */
export interface AgentAnswer {
  readonly output: string;
  readonly usage: OldUsage;
  readonly history: readonly JsonObject[] | null;
}

const { run, runStream } = AgentService.method;

/** Runs an agent, and gives the whole answer. */
export async function runAgent(gateway: Gateway, plan: AgentPlan, caller: Caller): Promise<AgentAnswer> {
  const { text, usage, messages } = await gateway.unary(run, requestOf(plan), caller);
  const { include_history, messages: sent } = plan.request;
  return { output: text, usage: usageOf(usage), history: include_history ? historyOf(sent, messages) : null };
}

function requestOf({ route, messages, config }: AgentPlan) {
  return { route, messages: [...messages], config };
}

/**
 * Runs an agent, and gives the answer as it grows. Each one holds the whole text so far, or with `deltas` what is new of it; the last
 * one has no text, the final usage, and the history when it was asked for.
 */
export function streamAgent(
  gateway: Gateway,
  plan: AgentPlan,
  about: { readonly caller: Caller; readonly deltas: boolean },
): AsyncGenerator<AgentAnswer> {
  const events = gateway.stream(runStream, [requestOf(plan)], about.caller);
  return answersOf(plan.request, progressOf(events), about.deltas);
}

async function* answersOf(
  request: AgentRequest,
  progress: AsyncIterable<Progress>,
  deltas: boolean,
): AsyncGenerator<AgentAnswer> {
  for await (const { text, delta, usage, finished } of progress) {
    if (finished) {
      const history = request.include_history ? historyOf(request.messages, finished.messages) : null;
      yield { output: "", usage, history };
    } else if (deltas) yield { output: delta, usage, history: null };
    else yield* cumulative(request, text, usage);
  }
}

/** With a schema, the object as far as it goes: half of it is no JSON, which clients parse every line as. */
function* cumulative(request: AgentRequest, text: string, usage: OldUsage): Generator<AgentAnswer> {
  const output = request.output_schema ? completedJson(text) : text;
  if (output !== undefined) yield { output, usage, history: null };
}
