import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import type { AgentService, RunRequest, RunStreamRequest } from "../../gen/livellm/v1/agent_service_pb.ts";
import type { ModelFacts } from "../agent/context-call.ts";
import { createJsonSchemas } from "../agent/json-schema.ts";
import { runAgent } from "../agent/run.ts";
import type { RunEvent } from "../agent/run-event.ts";
import { LivellmError } from "../core/error.ts";
import type { Resolver } from "../routing/resolver.ts";
import { withHeartbeat } from "../streams/heartbeat.ts";
import { openToolSet, type ToolSetOptions } from "../tools/tool-set.ts";
import { askedRunFromProto } from "./agent-request.ts";
import { runEventToProto, runResponseToProto } from "./agent-response.ts";
import { askedRoute } from "./asked-route.ts";
import type { RequestChecks } from "./conversation-checks.ts";

export interface AgentServiceOptions {
  readonly resolver: Resolver;
  /** How long a stream may be silent before it says that it is alive. */
  readonly heartbeatIntervalMs: number;
  /** How MCP servers are reached. */
  readonly mcpFetch: ToolSetOptions["fetch"];
  /** What is known of models. */
  readonly modelFacts: ModelFacts;
  /** The largest file in a `data:` URI. */
  readonly maxMediaBytes: number;
}

/** AgentService: check, convert in, call, convert out. */
export function createAgentService(options: AgentServiceOptions): ServiceImpl<typeof AgentService> {
  const checks = { schemas: createJsonSchemas(), maxMediaBytes: options.maxMediaBytes };
  return {
    async run(request, context) {
      for await (const event of open({ request, context, whole: true }, options, checks)) {
        if (event.type === "finished") return runResponseToProto(event.result);
      }
      throw new LivellmError("internal", "internal", "the run ended without a result");
    },
    async *runStream(request, context) {
      const requestId = request.caller?.requestId ?? "";
      const events = open({ request, context, whole: false }, options, checks);
      const beat = (): RunEvent => ({ type: "heartbeat", note: "" });
      for await (const event of withHeartbeat(events, options.heartbeatIntervalMs, beat)) {
        yield { event: runEventToProto(event, requestId) };
      }
    },
  };
}

interface Call {
  readonly request: RunRequest | RunStreamRequest;
  readonly context: HandlerContext;
  readonly whole: boolean;
}

async function* open(
  { request, context, whole }: Call,
  { resolver, mcpFetch, modelFacts }: AgentServiceOptions,
  checks: RequestChecks,
): AsyncGenerator<RunEvent, void, undefined> {
  const { tools: sources, ...asked } = askedRunFromProto(request, checks);
  using plan = await resolver.plan(askedRoute(request.route, context.values), "chat", context.signal);
  const { toolChoice } = asked.request;
  const openTools = () => openToolSet({ sources, toolChoice, fetch: mcpFetch }, context.signal);
  using tools = await (plan.observation ? plan.observation.within(openTools) : openTools());
  yield* runAgent({ ...asked, plan, tools, whole, facts: modelFacts }, context.signal);
}
