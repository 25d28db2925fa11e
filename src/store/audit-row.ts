import type { AuditEvent } from "../core/access.ts";
import type { AuditDraft } from "./audit-store.ts";

/** A row of the table `audit_event`, the same in every database: JSON as text, times in milliseconds since 1970. */
export interface AuditRow {
  readonly id: string;
  readonly time: number;
  readonly event: string;
}

/** What the database keeps of an event. */
export function auditRowOf({ time, ...event }: AuditDraft, id: string): AuditRow {
  return { id, time: time.getTime(), event: JSON.stringify(event) };
}

/** The event that a row holds. */
export function eventFromRow({ id, time, event }: AuditRow): AuditEvent {
  // Only auditRowOf has written it.
  return { ...(JSON.parse(event) as Omit<AuditDraft, "time">), id, time: new Date(time) };
}
