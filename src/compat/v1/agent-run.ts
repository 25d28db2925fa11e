import type { MessageInitShape } from "@bufbuild/protobuf";
import type { RunRequestSchema } from "../../../gen/livellm/v1/agent_service_pb.ts";
import { oldMessage } from "../agent-messages.ts";
import { oldTool, toolsOf } from "../agent-tools.ts";
import { conversationOf } from "../conversation.ts";
import { readGenerationOptions } from "../generation-options.ts";
import type { HttpRequest } from "../http.ts";
import { Rejected } from "../rejected.ts";
import { dictionary, list, object, optional, readAs, required, text, withDefault } from "../schema.ts";
import { routeByHeaders } from "./inline-provider.ts";

const agentRequest = object({
  model: required(text),
  messages: required(list(oldMessage)),
  tools: withDefault(list(oldTool), () => []),
  gen_config: optional(dictionary),
});

/** The run that a body and its headers ask for. Throws {@link Rejected}. */
export function runByHeaders(request: HttpRequest, body: unknown): MessageInitShape<typeof RunRequestSchema> {
  const { model, messages, tools, gen_config } = readAs(agentRequest, body, ["body"]);
  const last = messages.at(-1);
  const asks = last?.kind === "binary" || (last?.kind === "text" && last.role === "user");
  if (!asks) throw new Rejected(400, last ? "Last message must be from user" : "Messages list cannot be empty");
  const { generation, parallelToolCalls, options } = readGenerationOptions(gen_config ?? {});
  return {
    route: routeByHeaders(request, { model, options }),
    messages: [...conversationOf(messages)],
    config: { tools: toolsOf(tools), generation, ...(parallelToolCalls !== undefined && { parallelToolCalls }) },
  };
}
