import { LivellmError } from "../core/error.ts";
import { isLoopback } from "../core/loopback.ts";

/** What a server is about to open itself to. */
export interface Binding {
  /** The address to listen on. */
  readonly host: string;
  /** Whether there is any token, an administrator's or a caller's. */
  readonly hasTokens: boolean;
  /** `LIVELLM_ALLOW_ANONYMOUS` */
  readonly allowAnonymous: boolean;
}

/** Refuses to serve everybody in the network without a token, unless that is what was asked for. Throws at start. */
export function refuseOpenBinding({ host, hasTokens, allowAnonymous }: Binding): void {
  if (hasTokens || allowAnonymous || isLoopback(host)) return;
  throw new LivellmError(
    "failed_precondition",
    "invalid_request",
    `HOST=${host} would let everybody who reaches this machine use and administer this server, since there is no token: ` +
      "set LIVELLM_ADMIN_TOKEN (make one with: openssl rand -hex 32), or HOST=127.0.0.1, or, if it is meant, " +
      "LIVELLM_ALLOW_ANONYMOUS=1",
  );
}
