import type { Message } from "@bufbuild/protobuf";
import {
  type RunRequest,
  RunRequestSchema,
  type RunStreamRequest,
  RunStreamRequestSchema,
} from "../../gen/livellm/v1/agent_service_pb.ts";
import type { JsonSchemas } from "../agent/json-schema.ts";
import type { Violation } from "../core/error.ts";
import { checkMessages } from "./agent-message-checks.ts";
import { checkToolChoice, checkToolMode, checkTools } from "./agent-tool-checks.ts";
import type { FurtherChecks } from "./further-checks.ts";

/** What the checks of a request need to know. */
export interface RequestChecks {
  readonly schemas: JsonSchemas;
  /** The largest file inside a request. */
  readonly maxMediaBytes: number;
}

/** What no single field's rule can say: how the parts of a conversation and its tools fit together. */
export function checkConversation(request: RunRequest | RunStreamRequest, checks: RequestChecks): Violation[] {
  const tools = request.config?.tools ?? [];
  return [
    ...checkMessages(request.messages, checks.maxMediaBytes),
    ...checkTools(tools, checks.schemas),
    ...checkToolMode(request.config?.toolChoice?.mode, tools),
    ...checkToolChoice(request.config?.toolChoice?.toolNames ?? [], tools),
  ];
}

/** The schema of the answer, which a request that breaks no other rule has compiled for its answer anyway. */
function checkOutputSchema({ config }: RunRequest | RunStreamRequest, { schemas }: RequestChecks): Violation[] {
  const format = config?.outputFormat?.format;
  if (format?.case !== "jsonSchema" || !(format.value.schemaJson || format.value.schema)) return [];
  const { schema, schemaJson } = format.value;
  const description = schemas.problemOf(schemaJson || JSON.stringify(schema));
  const field = `config.outputFormat.jsonSchema.${schemaJson ? "schemaJson" : "schema"}`;
  return description ? [{ field, reason: "PATTERN", description }] : [];
}

/** The same by the type of the message. */
export function conversationChecks(checks: RequestChecks): FurtherChecks {
  const check = (message: Message) => {
    const request = message as RunRequest | RunStreamRequest;
    return [...checkConversation(request, checks), ...checkOutputSchema(request, checks)];
  };
  return new Map([RunRequestSchema, RunStreamRequestSchema].map(({ typeName }) => [typeName, check]));
}
