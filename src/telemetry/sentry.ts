import { randomBytes } from "node:crypto";
import type { FaultSettings } from "../core/fault-settings.ts";
import type { FaultReports, ReportedCall } from "./fault-reports.ts";
import { packageVersion } from "./package-version.ts";
import { sentryExceptions } from "./sentry-event.ts";
import { type Post, SentrySender } from "./sentry-sender.ts";

export interface SentryOptions {
  readonly settings: FaultSettings;
  readonly post: Post;
  /** Told when nothing can be reported, and why, now and then. */
  readonly warn: (message: string) => void;
}

/**
 * Reports to Sentry, in the form that its own clients send. No personal data, no request, no host's name; of an error its name,
 * its stack, and its message without what stands in quotes.
 */
export function openSentry({ settings, post, warn }: SentryOptions): FaultReports {
  const sender = new SentrySender(settings.dsn, post, warn);
  const common = {
    platform: "node",
    environment: settings.environment,
    release: settings.release || `livellm@${packageVersion()}`,
  };
  const runtime = { name: "node", version: process.version };
  return {
    report(fault, tags) {
      const exception = { values: sentryExceptions(fault) };
      const timestamp = Date.now() / 1000;
      sender.send("event", { ...common, timestamp, level: "error", tags, exception, contexts: { runtime } });
    },
    called(call) {
      if (Math.random() >= settings.tracesSampleRate) return;
      sender.send("transaction", { ...common, ...transaction(call), contexts: { runtime, trace: traceOf(call) } });
    },
    close: (graceMs = 2_000) => sender.close(graceMs),
  };
}

function transaction({ rpc, requestId, code, startMs, endMs }: ReportedCall) {
  return {
    type: "transaction",
    transaction: rpc,
    start_timestamp: startMs / 1000,
    timestamp: endMs / 1000,
    tags: { request_id: requestId, code },
    spans: [],
  };
}

function traceOf({ code, traceId }: ReportedCall) {
  return {
    trace_id: traceId ?? randomBytes(16).toString("hex"),
    span_id: randomBytes(8).toString("hex"),
    op: "rpc.server",
    status: statuses.get(code) ?? code,
  };
}

/** Where Sentry has another word than gRPC. */
const statuses: ReadonlyMap<string, string> = new Map([
  ["canceled", "cancelled"],
  ["internal", "internal_error"],
  ["unknown", "unknown_error"],
]);
