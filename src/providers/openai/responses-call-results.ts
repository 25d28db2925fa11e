import type { ResponseInputItem } from "openai/resources/responses/responses";
import type { ToolResultPart } from "../../core/chat.ts";
import type { JsonObject } from "../../core/json.ts";
import { resultText } from "../openai-compatible/chat-messages.ts";
import { object, text } from "../openai-compatible/json-fields.ts";
import { toUrl } from "../openai-compatible/media.ts";
import { toInputMedia } from "./responses-content.ts";

/** A caller's result as an input item. `item` is the vendor's call that it answers, for calls of the vendor's own tools. */
export function toResultItem(result: ToolResultPart, item: JsonObject, field: string): ResponseInputItem | JsonObject {
  const call_id = result.toolCallId;
  const said = resultText(result);
  switch (item.type) {
    case "custom_tool_call":
      return { type: "custom_tool_call_output", call_id, output: toOutput(result, field) };
    case "apply_patch_call":
      return { type: "apply_patch_call_output", call_id, status: result.failed ? "failed" : "completed", output: said };
    case "shell_call":
      return { type: "shell_call_output", call_id, ...shellOutput(result) };
    case "local_shell_call":
      return { type: "local_shell_call_output", id: text(item.id), output: said };
    case "computer_call":
      return { type: "computer_call_output", call_id, output: screenshot(result) };
    case "mcp_approval_request":
      return { type: "mcp_approval_response", approval_request_id: call_id, ...approval(result) };
    default:
      return { type: "function_call_output", call_id, output: toOutput(result, field) };
  }
}

function toOutput(result: ToolResultPart, field: string) {
  const said = resultText(result);
  if (result.media.length === 0) return said;
  const media = result.media.map((item, index) => toInputMedia(item, `${field}.toolResult.media[${index}]`));
  return [...(result.text || result.structured ? [{ type: "input_text", text: said } as const] : []), ...media];
}

/** The vendor's own form when the caller gives it as JSON, else the text as what was printed. */
function shellOutput(result: ToolResultPart): JsonObject {
  if (result.structured?.output) return result.structured;
  const printed = { stdout: result.failed ? "" : result.text, stderr: result.failed ? resultText(result) : "" };
  return { output: [{ ...printed, outcome: { type: "exit", exit_code: result.failed ? 1 : 0 } }] };
}

function screenshot({ structured, media: [image] }: ToolResultPart): JsonObject {
  return { type: "computer_screenshot", ...object(structured), ...(image && { image_url: toUrl(image) }) };
}

/** `{"approve": false}` refuses, and so does a failed result. */
function approval({ structured, failed, text: reason }: ToolResultPart): JsonObject {
  return { approve: structured?.approve !== false && !failed, ...(reason && { reason }) };
}
