import { Modality } from "../../gen/livellm/v1/common_pb.ts";
import type { ConversationConfig, ConversationStart } from "../../gen/livellm/v1/live_service_pb.ts";
import { isHeaderless } from "../core/audio-format.ts";
import { invalidRequest, type Violation } from "../core/error.ts";
import { checkMessages } from "./agent-message-checks.ts";
import { checkTools } from "./agent-tool-checks.ts";
import { formatFromProto } from "./audio-messages.ts";
import type { RequestChecks } from "./conversation-checks.ts";

/** Throws with every violation that no single field's rule can say. */
export function refuseConversation({ config, messages }: ConversationStart, checks: RequestChecks): void {
  const violations = [
    ...(messages.length > 0 ? checkMessages(messages, checks.maxMediaBytes) : []),
    ...checkTools(config?.tools ?? [], checks.schemas),
    ...checkServers(config),
    ...checkModalities(config),
    ...checkSpokenForm(config),
  ];
  if (violations.length === 0) return;
  throw invalidRequest(violations.map((one) => ({ ...one, field: `start.${one.field}` })));
}

function checkServers(config: ConversationConfig | undefined): Violation[] {
  return (config?.tools ?? []).flatMap(({ kind }, i) => {
    if (kind.case !== "mcpServer") return [];
    const description = "is not taken in a live conversation: give the functions themselves, and run them";
    return [{ field: `config.tools[${i}].mcpServer`, reason: "UNSUPPORTED" as const, description }];
  });
}

function checkModalities(config: ConversationConfig | undefined): Violation[] {
  const wanted = config?.generation?.outputModalities ?? [];
  const one = wanted.length <= 1 && wanted.every((each) => each === Modality.TEXT || each === Modality.AUDIO);
  if (one) return [];
  const description = "must be MODALITY_TEXT or MODALITY_AUDIO alone";
  return [{ field: "config.generation.outputModalities", reason: "UNSUPPORTED", description }];
}

function checkSpokenForm(config: ConversationConfig | undefined): Violation[] {
  const format = formatFromProto(config?.speech?.format);
  if (!format || isHeaderless(format.mimeType)) return [];
  const description = "must be one of audio/pcm, audio/ulaw, audio/alaw";
  return [{ field: "config.speech.format.mimeType", reason: "UNSUPPORTED", description }];
}
