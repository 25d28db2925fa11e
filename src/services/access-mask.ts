import { AccessTokenSchema } from "../../gen/livellm/v1/access_service_pb.ts";
import type { TokenSettings } from "./access-messages.ts";
import { createUpdateMask } from "./update-mask.ts";

/** A token's settings with the names of the contract, in which what it may use is not a part of its own. */
type MaskedSettings = Omit<TokenSettings, "allowed"> & {
  readonly allowedProviders: readonly string[];
  readonly allowedModels: readonly string[];
  readonly allowedRoutes: readonly string[];
  readonly inlineProvidersAllowed: boolean;
};

/** What `UpdateTokenRequest.update_mask` may name. */
export const tokenMask = createUpdateMask<typeof AccessTokenSchema, MaskedSettings>({
  schema: AccessTokenSchema,
  changeable: [
    "displayName",
    "labels",
    "expireTime",
    "disabled",
    "allowedProviders",
    "allowedModels",
    "allowedRoutes",
    "inlineProvidersAllowed",
    "requestsPerMinute",
    "tokensPerMinute",
  ],
  immutable: ["id"],
  ignored: ["obfuscatedToken", "createTime", "updateTime", "lastUseTime", "etag"],
});

/** The settings as the mask names them. */
export function toMaskedSettings({ allowed, ...settings }: TokenSettings): MaskedSettings {
  return {
    ...settings,
    allowedProviders: allowed.providers,
    allowedModels: allowed.models,
    allowedRoutes: allowed.routes,
    inlineProvidersAllowed: allowed.inlineProviders,
  };
}

/** The settings as a token keeps them. */
export function fromMaskedSettings(masked: MaskedSettings): TokenSettings {
  const { allowedProviders, allowedModels, allowedRoutes, inlineProvidersAllowed, ...settings } = masked;
  return {
    ...settings,
    allowed: {
      providers: allowedProviders,
      models: allowedModels,
      routes: allowedRoutes,
      inlineProviders: inlineProvidersAllowed,
    },
  };
}
