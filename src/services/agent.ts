import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import type { AgentService, RunRequest, RunStreamRequest } from "../../gen/livellm/v1/agent_service_pb.ts";
import { runAgent } from "../agent/run.ts";
import type { RunEvent } from "../agent/run-event.ts";
import { LivellmError } from "../core/error.ts";
import type { Resolver } from "../routing/resolver.ts";
import { withHeartbeat } from "../streams/heartbeat.ts";
import { chatRequestFromProto } from "./agent-request.ts";
import { runEventToProto, runResponseToProto } from "./agent-response.ts";
import { routeFromProto } from "./route-messages.ts";

export interface AgentServiceOptions {
  readonly resolver: Resolver;
  /** How long a stream may be silent before it says that it is alive. */
  readonly heartbeatIntervalMs: number;
}

/** AgentService: check, convert in, call, convert out. */
export function createAgentService(options: AgentServiceOptions): ServiceImpl<typeof AgentService> {
  return {
    async run(request, context) {
      for await (const event of open(request, context, options, true)) {
        if (event.type === "finished") return runResponseToProto(event.result);
      }
      throw new LivellmError("internal", "internal", "the run ended without a result");
    },
    async *runStream(request, context) {
      const requestId = request.caller?.requestId ?? "";
      const events = open(request, context, options, false);
      const beat = (): RunEvent => ({ type: "heartbeat", note: "" });
      for await (const event of withHeartbeat(events, options.heartbeatIntervalMs, beat)) {
        yield { event: runEventToProto(event, requestId) };
      }
    },
  };
}

async function* open(
  request: RunRequest | RunStreamRequest,
  context: HandlerContext,
  { resolver }: AgentServiceOptions,
  whole: boolean,
): AsyncGenerator<RunEvent, void, undefined> {
  const chatRequest = chatRequestFromProto(request);
  using plan = resolver.plan(routeFromProto(request.route), "chat");
  yield* runAgent({ plan, request: chatRequest, whole }, context.signal);
}
