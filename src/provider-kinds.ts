import type { ProviderKind } from "./core/provider.ts";
import { providerKinds } from "./providers/index.ts";
import { createLocalEngine } from "./providers/local/index.ts";
import { type CheckSettings, createSettingsCheck } from "./providers/settings.ts";

/** What the kinds of provider say of themselves, for a check: nothing of them is used or opened. */
export function describeKinds(): {
  readonly kinds: ReadonlyMap<string, ProviderKind>;
  readonly checkSettings: CheckSettings;
} {
  const kinds = new Map(providerKinds(createLocalEngine("")).map((kind) => [kind.kind, kind]));
  return { kinds, checkSettings: createSettingsCheck(kinds) };
}
