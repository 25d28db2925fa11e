import type { ContextKey, Interceptor } from "@connectrpc/connect";
import type { Logger } from "pino";
import type { CallOrigin } from "./call-facts.ts";
import { createCallerInterceptor } from "./caller.ts";
import { createErrorsInterceptor } from "./errors.ts";
import type { ExplainError } from "./explain-error.ts";
import { createLoggingInterceptor } from "./logging.ts";
import type { RuleLimits } from "./rule.ts";
import { createValidationInterceptor, type FurtherChecks } from "./validation.ts";

export interface InterceptorDeps {
  readonly logger: Logger;
  readonly explainError: ExplainError;
  /** Where the transport leaves what it knows of a call. */
  readonly originKey: ContextKey<CallOrigin>;
  readonly limits: RuleLimits;
  /** None when unset. */
  readonly furtherChecks?: FurtherChecks;
}

/** What every call goes through, whatever its face. The first is outermost. */
export function createInterceptors({
  logger,
  explainError,
  originKey,
  limits,
  furtherChecks,
}: InterceptorDeps): Interceptor[] {
  return [
    createErrorsInterceptor(explainError, originKey),
    createLoggingInterceptor(logger, originKey),
    createCallerInterceptor(originKey),
    createValidationInterceptor(limits, furtherChecks ?? new Map()),
  ];
}
