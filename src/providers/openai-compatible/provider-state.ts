import type { ProviderState } from "../../core/chat.ts";

/** Keeps a vendor's JSON, as UTF-8, to be sent back to the same kind. */
export function writeState(providerKind: string, value: unknown): ProviderState {
  return { providerKind, data: new TextEncoder().encode(JSON.stringify(value)) };
}

/** The JSON that {@link writeState} kept; undefined when another kind made it, or it is damaged. */
export function readState({ providerKind, data }: ProviderState, kind: string): unknown {
  if (providerKind !== kind) return undefined;
  try {
    return JSON.parse(new TextDecoder().decode(data));
  } catch {
    return undefined;
  }
}
