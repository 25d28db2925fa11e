import type { CallEnd, MeteredCall } from "./call-meters.ts";
import type { MeteredCaller } from "./caller-meters.ts";
import type { CallObservation } from "./observation.ts";

/** A call as the interceptors know it when it begins. */
export interface BeginningCall extends MeteredCall {
  readonly headers: Headers;
  /** Who calls; asked for when the call has been read. */
  caller(): CallerFacts;
}

/** What is known of the caller by the end of a call. */
export interface CallerFacts extends MeteredCaller {
  readonly requestId: string;
  readonly sessionId: string;
  readonly userId: string;
  readonly clientId: string;
  readonly device: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** A call that is under way. */
export interface ObservedCall extends CallObservation {
  /** The first message of a stream leaves. */
  firstMessage(): void;
  /** To be called once. */
  ended(end: CallEnd): void;
}
