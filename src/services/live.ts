import type { ServiceImpl } from "@connectrpc/connect";
import type { ConverseRequest, LiveService } from "../../gen/livellm/v1/live_service_pb.ts";
import { createJsonSchemas } from "../agent/json-schema.ts";
import type { ConverseEvent } from "../live/conversation-event.ts";
import { converse } from "../live/converse.ts";
import { withSessionHeartbeat } from "../live/session-heartbeat.ts";
import type { Resolver } from "../routing/resolver.ts";
import { askedRoute } from "./asked-route.ts";
import { openSession } from "./audio-session.ts";
import { refuseConversation } from "./live-checks.ts";
import { conversationFromProto, conversationInputFromProto, converseEventToProto } from "./live-messages.ts";

export interface LiveServiceOptions {
  readonly resolver: Resolver;
  /** How long a stream may be silent before it says that it is alive. */
  readonly heartbeatIntervalMs: number;
  /** How long nobody may say anything before the conversation is ended. */
  readonly idleTimeoutMs: number;
  /** The largest file in what was said before. */
  readonly maxMediaBytes: number;
}

const beat = (): ConverseEvent => ({ type: "heartbeat" });

/** LiveService: check, convert in, call, convert out. */
export function createLiveService(options: LiveServiceOptions): ServiceImpl<typeof LiveService> {
  const { resolver, heartbeatIntervalMs, idleTimeoutMs, maxMediaBytes } = options;
  const checks = { schemas: createJsonSchemas(), maxMediaBytes };
  return {
    async *converse(requests, { signal, values }) {
      const { start, rest } = await openSession(requests, conversationInput, idleTimeoutMs);
      refuseConversation(start, checks);
      const call = { ...conversationFromProto(start), input: rest, idleTimeoutMs };
      using plan = await resolver.plan(askedRoute(start.route, values), "live", signal);
      const events = converse({ ...call, plan }, signal);
      for await (const event of withSessionHeartbeat(events, heartbeatIntervalMs, beat)) {
        yield { event: converseEventToProto(event) };
      }
    },
  };
}

const conversationInput = {
  start: ({ input }: ConverseRequest) => (input.case === "start" ? input.value : undefined),
  input: conversationInputFromProto,
};
