import type { OutputFormat as ProtoOutputFormat } from "../../gen/livellm/v1/agent_pb.ts";
import type { RunRequest, RunStreamRequest } from "../../gen/livellm/v1/agent_service_pb.ts";
import { type CheckOutput, createOutputCheck } from "../agent/output-check.ts";
import type { RunInput } from "../agent/run.ts";
import type { OutputFormat } from "../core/chat.ts";
import { invalidRequest, type Violation } from "../core/error.ts";
import { contextPolicyFromProto } from "../messages/route.ts";
import type { ToolSource } from "../tools/tool-source.ts";
import { generationFromProto } from "./agent-generation.ts";
import { toolChoiceFromProto, toolFromProto } from "./agent-tools.ts";
import { checkConversation, type RequestChecks } from "./conversation-checks.ts";
import { messagesFromProto } from "./messages.ts";

/** A run as the caller asked for it, without what the route and its tools decide. */
export type AskedRun = Pick<RunInput, "request" | "maxSteps" | "contextPolicy" | "checkOutput"> & {
  readonly tools: readonly ToolSource[];
};

/** The contract's. */
const defaultMaxSteps = 10;

/** The contract's request in core terms. Throws with every violation at once. */
export function askedRunFromProto(request: RunRequest | RunStreamRequest, checks: RequestChecks): AskedRun {
  const { config } = request;
  const outputFormat = outputFormatFromProto(config?.outputFormat);
  const output = checkedOutput(outputFormat, config?.outputFormat, checks);
  const violations = [...checkConversation(request, checks), ...output.violations];
  if (violations.length > 0) throw invalidRequest(violations);
  return {
    request: {
      instructions: config?.instructions ?? "",
      messages: messagesFromProto(request.messages),
      toolChoice: toolChoiceFromProto(config),
      parallelToolCalls: config?.parallelToolCalls,
      generation: generationFromProto(config?.generation),
      outputFormat,
      requestId: request.caller?.requestId ?? "",
      userId: request.caller?.userId ?? "",
    },
    tools: (config?.tools ?? []).map(toolFromProto),
    maxSteps: config?.maxSteps ?? defaultMaxSteps,
    contextPolicy: contextPolicyFromProto(config?.contextPolicy),
    checkOutput: output.check,
  };
}

function checkedOutput(
  format: OutputFormat | undefined,
  asked: ProtoOutputFormat | undefined,
  { schemas }: RequestChecks,
): { readonly check?: CheckOutput; readonly violations: readonly Violation[] } {
  try {
    return { check: createOutputCheck(format, schemas), violations: [] };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const asText = asked?.format.case === "jsonSchema" && asked.format.value.schemaJson !== "";
    const field = `config.outputFormat.jsonSchema.${asText ? "schemaJson" : "schema"}`;
    return { violations: [{ field, reason: "PATTERN", description: error.message }] };
  }
}

function outputFormatFromProto(output: ProtoOutputFormat | undefined): OutputFormat | undefined {
  const format = output?.format;
  if (format?.case === "jsonObject") return { type: "json-object" };
  if (format?.case !== "jsonSchema") return undefined;
  const { name, description, schema, schemaJson, strict } = format.value;
  return {
    type: "json-schema",
    name: name || "output",
    ...(description && { description }),
    schemaJson: schemaJson || JSON.stringify(schema ?? {}),
    strict,
  };
}
