import type { ProviderConfig, ProviderKind } from "../core/provider.ts";

/** Where configured providers are looked up. */
export interface ProviderDirectory {
  get(id: string): ProviderConfig | undefined;
  ids(): readonly string[];
  kind(name: string): ProviderKind | undefined;
  kinds(): readonly string[];
}
