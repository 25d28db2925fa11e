import { type ContextKey, type ContextValues, createContextKey } from "@connectrpc/connect";
import type { AccessToken, CallerAccess } from "../core/access.ts";

/** Who makes a call. Nobody in particular may do everything: that is a server without tokens. */
export type Principal =
  | { readonly kind: "anonymous" }
  | { readonly kind: "administrator" }
  | { readonly kind: "bearer"; readonly token: AccessToken; readonly access: CallerAccess };

/** Where the auth interceptor leaves who makes the call. */
export const principalKey: ContextKey<Principal> = createContextKey<Principal>(
  { kind: "anonymous" },
  { description: "who makes the call" },
);

/** What the caller may use; undefined when that is everything. */
export function callerAccess(values: ContextValues): CallerAccess | undefined {
  const principal = values.get(principalKey);
  return principal.kind === "bearer" ? principal.access : undefined;
}
