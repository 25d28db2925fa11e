import type { FieldMask } from "@bufbuild/protobuf/wkt";
import { ProviderSchema } from "../../gen/livellm/v1/providers_service_pb.ts";
import type { ProviderDraft } from "../store/provider-store.ts";
import { createUpdateMask } from "./update-mask.ts";

/** What `UpdateProviderRequest.update_mask` may name. */
export const providerMask = createUpdateMask<typeof ProviderSchema, ProviderDraft>({
  schema: ProviderSchema,
  changeable: [
    "displayName",
    "baseUrl",
    "allowedModels",
    "blockedModels",
    "defaultOptions",
    "labels",
    "disabled",
    "defaultModel",
    "fallbackModel",
    "models",
    "settings",
  ],
  secret: ["apiKey", "headers"],
  immutable: ["id", "kind"],
  ignored: ["obfuscatedApiKey", "headerNames", "readOnly", "createTime", "updateTime", "etag"],
});

/** True when the mask, or its absence, speaks about every field that is set, `kind` included. */
export function coversKind(mask: FieldMask | undefined): boolean {
  const named = mask?.paths ?? [];
  return named.length === 0 || named.includes("*");
}
