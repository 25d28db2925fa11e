import { timingSafeEqual } from "node:crypto";
import type { AccessToken } from "../core/access.ts";
import { LivellmError } from "../core/error.ts";
import type { Secret } from "../core/secret.ts";
import type { CallerLimits } from "./caller-limits.ts";
import type { LastUse } from "./last-use.ts";
import { digestOf, tokenIdOf } from "./mint-token.ts";
import { presentedToken } from "./presented-token.ts";
import type { Principal } from "./principal.ts";

/** The callers' tokens, in memory. */
export interface TokenDirectory {
  get(id: string): AccessToken | undefined;
  names(): readonly string[];
}

export interface GatekeeperOptions {
  readonly tokens: TokenDirectory;
  readonly adminToken: Secret | undefined;
  /** What `/metrics` may be read with besides. */
  readonly metricsToken?: Secret | undefined;
  /** Whether everybody may do everything as long as there is no token at all. */
  readonly anonymousAllowed: boolean;
  readonly limits: CallerLimits;
  readonly lastUse: LastUse;
}

/** Which RPC is called. */
export interface CalledRpc {
  /** `livellm.v1.AgentService` */
  readonly service: string;
  /** `Run` */
  readonly method: string;
}

/** Decides who may call what. */
export interface Gatekeeper {
  /**
   * Who calls, by the `authorization` header. Throws `unauthenticated` for nobody known, `permission_denied` for a caller
   * who wants to administer. Counts nothing, so a face may ask before it reads a body.
   */
  admit(authorization: string | null | undefined, rpc: CalledRpc): Principal;
  /** Throws as `admit` does for who may not read `/metrics`: the administrators and the metrics' own token may. */
  admitToMetrics(authorization: string | null | undefined): void;
  /**
   * Counts the call that begins; at once, or later where it is counted together with other processes. Throws, or rejects with,
   * `resource_exhausted` when there were too many.
   */
  begin(principal: Principal): void | Promise<void>;
}

const anonymous: Principal = { kind: "anonymous" };
const administrator: Principal = { kind: "administrator" };

/** Load balancers ask without a token. */
const openService = "grpc.health.v1.Health";

/** What `/metrics` is asked for as. */
const metricsPage: CalledRpc = { service: "metrics", method: "read" };

const administrativeServices: ReadonlySet<string> = new Set([
  "livellm.v1.AccessService",
  "livellm.v1.ProvidersService",
  "livellm.v1.RoutesService",
  metricsPage.service,
]);

/** RPCs of those services that every caller may use. */
const openRpcs: ReadonlySet<string> = new Set(["livellm.v1.ProvidersService/ListProviderKinds"]);

export function createGatekeeper(options: GatekeeperOptions): Gatekeeper {
  const { tokens, adminToken, metricsToken, anonymousAllowed, limits, lastUse } = options;
  const adminDigest = adminToken && digestOf(adminToken.reveal());
  const metricsDigest = metricsToken && digestOf(metricsToken.reveal());
  const needsNone = () => anonymousAllowed && adminDigest === undefined && tokens.names().length === 0;

  /** Does the same work whoever asks, so that its time tells nothing. */
  const identify = (authorization: string | null | undefined): Principal => {
    const presented = presentedToken(authorization);
    const digest = digestOf(presented ?? "");
    const kept = tokens.get(tokenIdOf(digest));
    const isAdministrator = isSame(digest, adminDigest);
    const isKept = isSame(digest, kept?.digest);
    if (presented === undefined) throw unauthenticated(noToken);
    if (isAdministrator) return administrator;
    if (!kept || !isKept) throw unauthenticated("the token is not one of this server, or has been revoked");
    refuseUnusable(kept);
    lastUse.note(kept);
    const access = { allowed: kept.allowed, spent: limits.spent.bind(limits, kept) };
    return { kind: "bearer", token: kept, access };
  };

  const admit = (authorization: string | null | undefined, rpc: CalledRpc): Principal => {
    if (rpc.service === openService || needsNone()) return anonymous;
    const principal = identify(authorization);
    if (principal.kind === "bearer" && isAdministrative(rpc)) throw notAdministrator(rpc);
    return principal;
  };

  return {
    admit,
    admitToMetrics(authorization) {
      const isMetricsToken = isSame(digestOf(presentedToken(authorization) ?? ""), metricsDigest);
      if (!isMetricsToken) admit(authorization, metricsPage);
    },
    begin(principal) {
      return principal.kind === "bearer" ? limits.begin(principal.token) : undefined;
    },
  };
}

/** Both are digests, of one length. Nobody's digest is all zeros. */
function isSame(digest: string, other = "0".repeat(64)): boolean {
  return timingSafeEqual(Buffer.from(digest), Buffer.from(other));
}

function isAdministrative({ service, method }: CalledRpc): boolean {
  return administrativeServices.has(service) && !openRpcs.has(`${service}/${method}`);
}

/** Told to nobody who does not have the token. */
function refuseUnusable({ disabled, expireTime }: AccessToken): void {
  if (disabled) throw unauthenticated("the token is disabled");
  if (expireTime && expireTime.getTime() <= Date.now()) throw unauthenticated("the token has expired");
}

const noToken =
  "this server needs a token: send it as the header `authorization: Bearer <token>`, or as the password of `Basic`";

function unauthenticated(message: string): LivellmError {
  return new LivellmError("unauthenticated", "unauthenticated", message);
}

function notAdministrator({ service, method }: CalledRpc): LivellmError {
  const name = `${service.replace(/^livellm\.v1\./, "")}/${method}`;
  const message = `${name} is for administrators: call it with the token of LIVELLM_ADMIN_TOKEN`;
  return new LivellmError("permission_denied", "permission_denied", message);
}
