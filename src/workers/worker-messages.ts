import type { QuestionMessage } from "./questions.ts";

/** What the supervisor tells a worker. A connection comes with its socket. */
export type ToWorker = { readonly type: "connection" } | { readonly type: "drain" } | QuestionMessage;

/**
 * What a worker tells the supervisor: that it serves, and what it has found at its start; that it has taken the connection it was given, and may be given the
 * next; that one of its connections is closed; that it wants no more of them.
 */
export type FromWorker =
  | { readonly type: "ready"; readonly found: unknown }
  | { readonly type: "taken" }
  | { readonly type: "closed" }
  | { readonly type: "draining" }
  | QuestionMessage;
