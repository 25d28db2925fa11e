import type { InputItem } from "./responses-input.ts";
import type { ResponsesCall } from "./responses-request.ts";

/** Whether a call sends back what the vendor alone can read. */
export function holdsState({ body }: ResponsesCall): boolean {
  return body.input.some(isOfVendor);
}

/** The same call without it, and with a warning: the words stay, and so do the calls that the caller ran. */
export function withoutState({ body, warnings }: ResponsesCall): ResponsesCall {
  const message = "the provider could not read its own state, which another account or model made: it was left out";
  const warning = { code: "provider-state-dropped", message, field: "messages" };
  const input = body.input.filter((item) => !isOfVendor(item));
  return { body: { ...body, input }, warnings: [...warnings, warning] };
}

/** Its thoughts, and what its own tools did, which goes with them: an item of the caller's has no id, or that of a call. */
function isOfVendor(item: InputItem): boolean {
  if (item.type === "reasoning") return true;
  const named = "id" in item && typeof item.id === "string";
  return named && !("call_id" in item) && item.type !== "mcp_approval_request";
}
