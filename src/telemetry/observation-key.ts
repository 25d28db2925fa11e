import { type ContextKey, createContextKey } from "@connectrpc/connect";
import type { CallObservation } from "./observation.ts";

/** Where a call's handler finds who watches the call; nobody when unset. */
export const observationKey: ContextKey<CallObservation | undefined> = createContextKey<CallObservation | undefined>(
  undefined,
  { description: "who watches the call" },
);
