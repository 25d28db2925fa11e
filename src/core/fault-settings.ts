import type { Secret } from "./secret.ts";

/** Where faults of this server are reported: Sentry, or what speaks its protocol. */
export interface FaultSettings {
  readonly dsn: Secret;
  readonly environment: string;
  /** This package and its version when empty. */
  readonly release: string;
  /** The share of calls that are reported as well, as transactions: 0 for none, 1 for all. */
  readonly tracesSampleRate: number;
}
