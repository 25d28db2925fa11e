import type { ContextValues } from "@connectrpc/connect";
import { CallerLimits } from "./access/caller-limits.ts";
import { createGatekeeper } from "./access/gatekeeper.ts";
import { LastUse } from "./access/last-use.ts";
import { refuseOpenBinding } from "./access/open-binding.ts";
import { principalKey } from "./access/principal.ts";
import type { Config } from "./config.ts";
import type { AccessToken } from "./core/access.ts";
import { isLoopback } from "./core/loopback.ts";
import type { SharedRates } from "./core/shared-state.ts";
import { keepResources } from "./routing/kept-resources.ts";
import type { Store } from "./store/sql-store.ts";
import { callOriginKey } from "./transport/call-origin.ts";

export interface AccessParts {
  readonly store: Store;
  readonly rates: SharedRates;
  readonly warn: (text: string) => void;
  readonly written: (() => Promise<void>) | undefined;
}

/** Who may call. Throws when everybody in the network could. */
export async function createAccess(
  { host, adminToken, metricsToken, allowAnonymous }: Config,
  { store, rates, warn, written }: AccessParts,
) {
  const nameOf = ({ id }: AccessToken) => id;
  const tokens = await keepResources({ store: store.tokens, configured: [], what: "token", nameOf, warn, written });
  const hasTokens = () => adminToken !== undefined || tokens.names().length > 0;
  refuseOpenBinding({ host, hasTokens: hasTokens(), allowAnonymous });
  const lastUse = new LastUse(store.tokens, warn);
  const anonymousAllowed = allowAnonymous || isLoopback(host);
  const servesThisMachine = () => isLoopback(host) && !allowAnonymous && !hasTokens();
  const limits = new CallerLimits(rates);
  const gatekeeper = createGatekeeper({ tokens, adminToken, metricsToken, anonymousAllowed, limits, lastUse });
  return { tokens, hasTokens, servesThisMachine, lastUse, gatekeeper };
}

/** Whose calls are counted together: those with one token, else those from one address. */
export function callerOf({ contextValues }: { readonly contextValues: ContextValues }): string {
  const principal = contextValues.get(principalKey);
  if (principal.kind === "bearer") return `token ${principal.token.id}`;
  return `address ${contextValues.get(callOriginKey).remoteAddress}`;
}
