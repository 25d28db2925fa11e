import type { ContextKey, Interceptor } from "@connectrpc/connect";
import type { Logger } from "pino";
import type { Gatekeeper } from "../access/gatekeeper.ts";
import type { ConversationLog } from "../telemetry/conversation-log.ts";
import type { FaultReports } from "../telemetry/fault-reports.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import { type AuditLog, createAuditInterceptor } from "./audit.ts";
import { createAuthInterceptor } from "./auth.ts";
import type { CallOrigin } from "./call-facts.ts";
import { createCallerInterceptor } from "./caller.ts";
import { createConversationInterceptor } from "./conversations.ts";
import { createErrorsInterceptor } from "./errors.ts";
import type { ExplainError } from "./explain-error.ts";
import { logCalls } from "./logging.ts";
import { measureCalls } from "./measuring.ts";
import { reportCalls } from "./reporting.ts";
import type { RuleLimits } from "./rule.ts";
import { createValidationInterceptor, type FurtherChecks } from "./validation.ts";
import { createWatchingInterceptor } from "./watching.ts";

export interface InterceptorDeps {
  readonly logger: Logger;
  readonly explainError: ExplainError;
  /** Where the transport leaves what it knows of a call. */
  readonly originKey: ContextKey<CallOrigin>;
  readonly limits: RuleLimits;
  /** None when unset. */
  readonly furtherChecks?: FurtherChecks;
  /** Who may call; when unset, everybody everything. */
  readonly gatekeeper?: Gatekeeper;
  /** Lets calls in, so many at a time; all at once when unset. */
  readonly admission?: Interceptor;
  /** Where administrative changes are written down; nowhere when unset. */
  readonly auditLog?: AuditLog;
  /** Where what is said is written down; nowhere when unset. */
  readonly conversationLog?: ConversationLog | undefined;
  /** Where calls are reported; nowhere when unset. */
  readonly faults?: FaultReports | undefined;
  /** Counts calls, and traces them; nobody does when unset. */
  readonly telemetry?: Telemetry;
}

/** What every call goes through, whatever its face. The first is outermost. */
export function createInterceptors({
  logger,
  explainError,
  originKey,
  limits,
  furtherChecks,
  gatekeeper,
  admission,
  auditLog,
  conversationLog,
  faults,
  telemetry,
}: InterceptorDeps): Interceptor[] {
  return [
    createErrorsInterceptor(explainError, originKey),
    createWatchingInterceptor([
      ...(telemetry ? [measureCalls(telemetry, originKey)] : []),
      logCalls(logger, originKey),
      ...(faults ? [reportCalls(faults, originKey)] : []),
    ]),
    ...(gatekeeper ? [createAuthInterceptor(gatekeeper)] : []),
    ...(admission ? [admission] : []),
    createCallerInterceptor(originKey),
    createValidationInterceptor(limits, furtherChecks ?? new Map()),
    ...(auditLog ? [createAuditInterceptor({ log: auditLog, logger, originKey })] : []),
    ...(conversationLog ? [createConversationInterceptor(conversationLog, originKey)] : []),
  ];
}
