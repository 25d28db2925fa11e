import type { MessageInitShape } from "@bufbuild/protobuf";
import { type AgentConfigSchema, ContextPolicy_Strategy as Overflow } from "../../../gen/livellm/v1/agent_pb.ts";
import type { MessageSchema } from "../../../gen/livellm/v1/message_pb.ts";
import type { RouteSchema } from "../../../gen/livellm/v1/route_pb.ts";
import { type OldMessage, oldMessage } from "../agent-messages.ts";
import { oldTool, toolsOf } from "../agent-tools.ts";
import { conversationOf } from "../conversation.ts";
import { readGenerationOptions } from "../generation-options.ts";
import { Rejected } from "../rejected.ts";
import {
  boolean,
  dictionary,
  integer,
  type invalid,
  list,
  object,
  oneOf,
  optional,
  type Reader,
  required,
  text,
  withDefault,
} from "../schema.ts";
import { type Alternatives, alternatives, type Group, grouped } from "./fallback-request.ts";
import { outputFormatOf, outputSchema } from "./output-schema.ts";
import { routeThrough } from "./route.ts";

const agentRequest = object({
  provider_uid: required(text),
  model: required(text),
  messages: required(list(oldMessage)),
  tools: withDefault(list(oldTool), () => []),
  gen_config: optional(dictionary),
  include_history: withDefault(boolean, () => false),
  output_schema: optional(outputSchema),
  context_limit: withDefault(integer(), () => 0),
  context_overflow_strategy: withDefault(oneOf(["truncate", "recycle"]), () => "truncate" as const),
});

/** AgentRequest as livellm's clients write it, checked. */
export type AgentRequest = Exclude<ReturnType<typeof agentRequest>, typeof invalid>;

/** AgentRequest or AgentFallbackRequest. */
export const agentBody: Reader<Alternatives<AgentRequest>> = alternatives(
  { name: "AgentRequest", read: agentRequest },
  "AgentFallbackRequest",
);

/** What can be asked in one call: requests that differ in where they go alone. */
export interface AgentPlan {
  readonly route: MessageInitShape<typeof RouteSchema>;
  readonly messages: readonly MessageInitShape<typeof MessageSchema>[];
  readonly config: MessageInitShape<typeof AgentConfigSchema>;
  /** Of which it is the call. */
  readonly request: AgentRequest;
}

/**
 * The calls that a body asks for, in order: each goes to the next when it fails before its first output. Requests that
 * differ in their targets alone are one call. Throws {@link Rejected} in livellm's words.
 */
export function plansOf(body: Alternatives<AgentRequest>): readonly AgentPlan[] {
  for (const { messages } of body.requests) checkConversation(messages);
  if (body.requests.length === 0) throw new Rejected(400, "All requests failed: the list of requests is empty");
  return grouped(body.requests, contentOf).map((group) => planOf(group, body));
}

function checkConversation(messages: readonly OldMessage[]): void {
  const last = messages.at(-1);
  if (!last) throw new Rejected(400, "Messages list cannot be empty");
  if (roleOf(last) !== "user") throw new Rejected(400, "Last message must be from user");
}

function roleOf(message: OldMessage): string {
  if (message.kind === "text") return message.role;
  return message.kind === "binary" ? "user" : message.kind;
}

function contentOf({ provider_uid, model, ...content }: AgentRequest): object {
  return content;
}

function planOf(group: Group<AgentRequest>, body: Alternatives<AgentRequest>): AgentPlan {
  const [request] = group;
  const { generation, parallelToolCalls, options } = readGenerationOptions(request.gen_config ?? {});
  const choices = group.map(({ provider_uid, model }) => ({
    providerUid: provider_uid,
    model,
    options,
  }));
  return {
    route: routeThrough(choices, body),
    request,
    messages: conversationOf(request.messages),
    config: {
      tools: toolsOf(request.tools),
      generation,
      ...(parallelToolCalls !== undefined && { parallelToolCalls }),
      ...(request.output_schema && { outputFormat: outputFormatOf(request.output_schema) }),
      ...(request.context_limit > 0 && { contextPolicy: contextPolicyOf(request) }),
    },
  };
}

function contextPolicyOf({ context_limit, context_overflow_strategy }: AgentRequest) {
  const strategy = context_overflow_strategy === "recycle" ? Overflow.RECYCLE : Overflow.TRUNCATE;
  return { strategy, maxInputTokens: context_limit };
}
