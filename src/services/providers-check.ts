import type { Provider } from "../../gen/livellm/v1/providers_service_pb.ts";
import type { Violation } from "../core/error.ts";
import type { ProviderKind } from "../core/provider.ts";
import { faultOfApiKey, faultOfBaseUrl, faultsOfHeaders, faultsOfRepeatedHeaders } from "../core/provider-fields.ts";
import type { ProviderDraft } from "../store/provider-store.ts";

/**
 * What is wrong with a provider beyond the form of its fields, its settings apart. `draft` is the provider as it would be
 * kept, `given` what the request holds: secrets are looked at there, before they are hidden. No message quotes a secret.
 */
export function checkProvider(
  draft: ProviderDraft,
  given: Provider,
  { kind, mayCall = () => true }: { readonly kind: ProviderKind | undefined; readonly mayCall?: MayCall | undefined },
): Violation[] {
  return [
    ...checkBaseUrl(draft, kind, mayCall),
    ...checkApiKey(draft, given, kind),
    ...checkHeaders(draft, given),
    ...checkFallbacks(given),
  ];
}

/** Whether this server would ever connect to such a host, as far as that can be told without looking it up. */
export type MayCall = (hostname: string) => boolean;

function checkBaseUrl({ baseUrl }: ProviderDraft, kind: ProviderKind | undefined, mayCall: MayCall): Violation[] {
  const field = "provider.baseUrl";
  if (baseUrl === "") {
    if (!kind?.baseUrlRequired) return [];
    return [{ field, description: `is required for the kind ${kind.kind}`, reason: "REQUIRED" }];
  }
  const wrong = faultOfBaseUrl(baseUrl);
  if (wrong !== undefined) return [{ field, description: wrong, reason: "PATTERN" }];
  if (mayCall(new URL(baseUrl).hostname)) return [];
  const description = "must not be link-local, multicast, or a cloud's metadata service: this server never calls those";
  return [{ field, description, reason: "UNSUPPORTED" }];
}

function checkApiKey(draft: ProviderDraft, given: Provider, kind: ProviderKind | undefined): Violation[] {
  const field = "provider.apiKey";
  if (!draft.apiKey && kind?.apiKeyRequired) {
    return [{ field, description: `is required for the kind ${kind.kind}`, reason: "REQUIRED" }];
  }
  const wrong = faultOfApiKey(given.apiKey);
  return wrong === undefined ? [] : [{ field, description: wrong, reason: "PATTERN" }];
}

function checkHeaders(draft: ProviderDraft, given: Provider): Violation[] {
  const faults = [...faultsOfHeaders(given.headers), ...faultsOfRepeatedHeaders(Object.keys(draft.headers))];
  return faults.map(({ header, ...fault }) => ({
    field: header === undefined ? "provider.headers" : `provider.headers[${JSON.stringify(header)}]`,
    ...fault,
  }));
}

/** Fallbacks are kept and returned, and an inline provider's key must be neither. */
function checkFallbacks(given: Provider): Violation[] {
  return given.models.flatMap(({ fallbacks }, i) =>
    fallbacks.flatMap(({ inlineProvider }, j): Violation[] => {
      if (!inlineProvider) return [];
      const field = `provider.models[${i}].fallbacks[${j}].inlineProvider`;
      const description = "cannot be kept in a fallback: add it as a provider of its own and name that";
      return [{ field, description, reason: "UNSUPPORTED" }];
    }),
  );
}
