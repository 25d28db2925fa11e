import type { MessageInitShape } from "@bufbuild/protobuf";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import type {
  AgentService,
  RunRequest,
  RunStreamRequest,
  RunStreamResponseSchema,
} from "../../gen/livellm/v1/agent_service_pb.ts";
import type { ModelFacts } from "../agent/context-call.ts";
import { createJsonSchemas } from "../agent/json-schema.ts";
import { type RunInput, runAgent } from "../agent/run.ts";
import type { RunEvent } from "../agent/run-event.ts";
import { LivellmError } from "../core/error.ts";
import type { Resolver } from "../routing/resolver.ts";
import { batched, inBatches, opened } from "../streams/batches.ts";
import { withHeartbeat } from "../streams/heartbeat.ts";
import { mapped } from "../streams/mapped.ts";
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
      const run = prepare({ request, context, whole: true }, options, checks);
      for await (const events of inBatches(runAgent(run, context.signal))) {
        const last = events.at(-1);
        if (last?.type === "finished") return runResponseToProto(last.result);
      }
      throw new LivellmError("internal", "internal", "the run ended without a result");
    },
    runStream(request, context) {
      return opened(async () => respond({ request, context, whole: false }, options, checks));
    },
  };
}

type StreamedResponse = MessageInitShape<typeof RunStreamResponseSchema>;

function respond(call: Call, options: AgentServiceOptions, checks: RequestChecks): AsyncIterable<StreamedResponse> {
  const { request, context } = call;
  const requestId = request.caller?.requestId ?? "";
  const beat = (): readonly RunEvent[] => [{ type: "heartbeat", note: "" }];
  const run = runAgent(prepare(call, options, checks), context.signal);
  const events = batched(withHeartbeat(inBatches(run), options.heartbeatIntervalMs, beat));
  return mapped(events, (event) => ({ event: runEventToProto(event, requestId) }));
}

interface Call {
  readonly request: RunRequest | RunStreamRequest;
  readonly context: HandlerContext;
  readonly whole: boolean;
}

function prepare(
  { request, context, whole }: Call,
  { resolver, mcpFetch, modelFacts }: AgentServiceOptions,
  checks: RequestChecks,
): RunInput {
  const { tools: sources, ...asked } = askedRunFromProto(request, checks);
  const { toolChoice } = asked.request;
  return {
    ...asked,
    whole,
    facts: modelFacts,
    openPlan: (signal) => resolver.plan(askedRoute(request.route, context.values), "chat", signal),
    openTools: (signal) => openToolSet({ sources, toolChoice, fetch: mcpFetch }, signal),
  };
}
