import type { AuditEvent } from "../core/access.ts";

/** An event as it is handed in: the store gives it its id. */
export type AuditDraft = Omit<AuditEvent, "id">;

/** What somebody has done with the command line, which opens the database itself. `what` tells on how many resources. */
export function operatorEvent(command: string, what: string): AuditDraft {
  return {
    time: new Date(),
    actor: "cli",
    remoteAddress: "",
    requestId: "",
    rpc: `livellm ${command}`,
    resourceId: what,
    changedFields: [],
    outcome: "ok",
  };
}

/** Keeps the latest administrative changes; it is closed with {@link ProviderStore}. Events are never changed. */
export interface AuditStore {
  /** Adds an event, and drops the oldest beyond the bound. */
  append(draft: AuditDraft): Promise<AuditEvent>;
  /** At most so many, the latest first; those older than the one with this id when it is not empty. */
  latest(count: number, before: string): Promise<readonly AuditEvent[]>;
}
