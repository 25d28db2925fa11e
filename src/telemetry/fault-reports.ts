/** A call that has ended, as it is reported. */
export interface ReportedCall {
  readonly rpc: string;
  readonly requestId: string;
  /** `ok`, or how it failed. */
  readonly code: string;
  /** Of its trace, 32 hex digits; one of its own when unset. */
  readonly traceId: string | undefined;
  readonly startMs: number;
  readonly endMs: number;
}

/** Tells the people who run this server of what nobody foresaw. */
export interface FaultReports {
  /** Never waits, never throws. `tags` are words of few values, and ids. */
  report(fault: unknown, tags: Readonly<Record<string, string>>): void;
  /** Reports this call where it is one of those that are; the others cost a random number. */
  called(call: ReportedCall): void;
  /** Sends what waits, for as long as `graceMs` at most. */
  close(graceMs?: number): Promise<void>;
}
