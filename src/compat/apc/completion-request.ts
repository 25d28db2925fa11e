import type { MessageInitShape } from "@bufbuild/protobuf";
import type { AgentConfigSchema } from "../../../gen/livellm/v1/agent_pb.ts";
import { type CallerInfoSchema, Modality } from "../../../gen/livellm/v1/common_pb.ts";
import type { MessageSchema } from "../../../gen/livellm/v1/message_pb.ts";
import type { RouteSchema } from "../../../gen/livellm/v1/route_pb.ts";
import { isJsonObject, type JsonValue } from "../json.ts";
import {
  anything,
  boolean,
  integer,
  type invalid,
  list,
  number,
  object,
  optional,
  type Reader,
  required,
  text,
  withDefault,
} from "../schema.ts";
import { messageContent } from "./content-parts.ts";

const message = object({ role: required(text), content: required(messageContent) });

const fields = object({
  model: withDefault(text, () => "gemini-1.5-flash"),
  messages: required(list(message)),
  temperature: withDefault(number({ ge: 0, le: 2 }), () => 0.7),
  max_tokens: withDefault(integer({ ge: 1, le: 8192 }), () => 1000),
  stream: withDefault(boolean, () => false),
  response_format: optional(anything),
  system_instruction: optional(text),
  safety_settings: optional(anything),
  app: optional(text),
  client_id: optional(text),
  device: optional(text),
  user_id: optional(text),
  session_id: optional(text),
  request_id: optional(text),
});

/** A completion as this system's clients ask for it, checked. */
export type CompletionRequest = Exclude<ReturnType<typeof fields>, typeof invalid>;

export const completionBody: Reader<CompletionRequest> = fields;

/** The run for a completion. */
export interface CompletionRun {
  readonly route: MessageInitShape<typeof RouteSchema>;
  readonly messages: MessageInitShape<typeof MessageSchema>[];
  readonly config: MessageInitShape<typeof AgentConfigSchema>;
  readonly caller: MessageInitShape<typeof CallerInfoSchema>;
}

export function runOf(request: CompletionRequest): CompletionRun {
  const { system_instruction, temperature, max_tokens } = request;
  const model = modelOf(request);
  const makesImages = /image/i.test(model);
  return {
    route: { targets: [{ model, ...safetyOptions(request, model) }] },
    messages: merged(request),
    config: {
      instructions: system_instruction ?? "",
      generation: {
        temperature,
        maxOutputTokens: max_tokens,
        ...(makesImages && { outputModalities: [Modality.TEXT, Modality.IMAGE] }),
      },
      ...outputFormat(request.response_format),
    },
    caller: callerInfo(request),
  };
}

/** A name that this system had for a model of another name. */
export function modelOf({ model }: CompletionRequest): string {
  return model === "g2.5-flash-image" ? "gemini-2.5-flash-image" : model;
}

/** Google's safety settings mean nothing to others, and are left out there as they were. */
function safetyOptions({ safety_settings }: CompletionRequest, model: string) {
  return safety_settings !== undefined && /gemini/i.test(model) ? { options: { safetySettings: safety_settings } } : {};
}

function merged({ messages }: CompletionRequest): MessageInitShape<typeof MessageSchema>[] {
  const turns: { role: string; parts: (typeof messages)[number]["content"][number][] }[] = [];
  for (const { role: given, content } of messages) {
    const role = roleOf(given);
    const last = turns.at(-1);
    if (last?.role === role) last.parts.push(...content);
    else turns.push({ role, parts: [...content] });
  }
  return turns;
}

/** Roles are free text in this system. */
function roleOf(role: string): string {
  if (/^(assistant|model)$/i.test(role)) return "assistant";
  return /^(system|developer)$/i.test(role) ? "system" : "user";
}

function outputFormat(format: JsonValue | undefined): {
  outputFormat?: MessageInitShape<typeof AgentConfigSchema>["outputFormat"];
} {
  if (!isJsonObject(format)) return {};
  if (format.type === "json_object") return { outputFormat: { format: { case: "jsonObject", value: {} } } };
  const schema = format.json_schema;
  if (format.type !== "json_schema" || !isJsonObject(schema)) return {};
  const name = typeof schema.name === "string" ? schema.name : "";
  return {
    outputFormat: { format: { case: "jsonSchema", value: { name, schemaJson: JSON.stringify(schema.schema ?? {}) } } },
  };
}

/** What the body says of the caller; the gateway fills in the rest from the headers and the address. */
export function callerInfo(request: CompletionRequest): MessageInitShape<typeof CallerInfoSchema> {
  return {
    app: request.app ?? "",
    clientId: request.client_id ?? "",
    device: request.device ?? "",
    userId: request.user_id ?? "",
    sessionId: request.session_id ?? "",
    requestId: request.request_id ?? "",
  };
}
