import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ListAuditEventsRequest, ListAuditEventsResponseSchema } from "../../gen/livellm/v1/access_service_pb.ts";
import type { AuditStore } from "../store/audit-store.ts";
import { auditEventToProto } from "./access-messages.ts";
import { pageAsked, tokenOf } from "./page-token.ts";

/** AccessService.ListAuditEvents: a page, the latest first. What is added meanwhile is on no later page. */
export async function listAuditEvents(
  request: ListAuditEventsRequest,
  audit: Pick<AuditStore, "latest">,
): Promise<MessageInitShape<typeof ListAuditEventsResponseSchema>> {
  const page = pageAsked(request, { defaultSize: 100, maxSize: 1000, others: ["audit"] });
  const found = await audit.latest(page.size + 1, page.after);
  const shown = found.slice(0, page.size);
  const last = found.length > shown.length ? shown.at(-1) : undefined;
  return {
    events: shown.map(auditEventToProto),
    nextPageToken: last ? tokenOf(last.id, [page.size, "audit"]) : "",
  };
}
