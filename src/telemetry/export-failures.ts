import { setGlobalErrorHandler } from "@opentelemetry/core";

/** How long one warning stands for those that follow it. */
const quietMs = 60_000;

/**
 * Tells that spans or metrics cannot be sent, now and then. The SDK has one place for that in a process. What a collector
 * answered is left out: it may repeat what it was sent.
 */
export function tellExportFailures(warn: (message: string) => void): void {
  let silentUntil = 0;
  setGlobalErrorHandler((error) => {
    if (performance.now() < silentUntil) return;
    silentUntil = performance.now() + quietMs;
    warn(`traces or metrics could not be exported to OpenTelemetry: ${nameOf(error)}`);
  });
}

function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown error";
  const { code } = error as { readonly code?: unknown };
  return code === undefined ? error.name : `${error.name} ${String(code)}`;
}
