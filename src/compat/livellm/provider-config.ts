import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { ContextPolicy_Strategy as Overflow } from "../../../gen/livellm/v1/agent_pb.ts";
import {
  type ModelSettings,
  type Provider,
  type ProviderSchema,
  ProvidersService,
} from "../../../gen/livellm/v1/providers_service_pb.ts";
import { Route_Strategy as Strategy } from "../../../gen/livellm/v1/route_pb.ts";
import type { Caller, Gateway } from "../gateway.ts";
import { Rejected } from "../rejected.ts";
import {
  checked,
  integer,
  type invalid,
  list,
  object,
  oneOf,
  optional,
  record,
  required,
  text,
  withDefault,
} from "../schema.ts";
import { idOfUid, uidOfId } from "./provider-id.ts";
import { adapterOf, kindFor, kindLabel, kindOfProvider, livellmKinds } from "./provider-kind.ts";

const overflow = oneOf(["truncate", "recycle"]);
const noLimit = () => 0;
const truncate = () => "truncate" as const;

const fallbackConfig = object({
  fallback_provider_uid: required(text),
  fallback_model: required(text),
  fallback_strategy: withDefault(oneOf(["sequential", "parallel"]), () => "sequential" as const),
  context_limit: withDefault(integer(), noLimit),
  context_overflow_strategy: withDefault(overflow, truncate),
});

const modelConfig = object({
  fallback: optional(fallbackConfig),
  context_limit: withDefault(integer(), noLimit),
  context_overflow_strategy: withDefault(overflow, truncate),
});

/** Settings of a provider as livellm's clients write them. */
export const settings = object({
  // A blank one could not be deleted again: it would be no segment of a path.
  uid: required(checked(text, (uid) => (uid.trim() === "" ? "uid cannot be empty" : undefined))),
  provider: required(oneOf(livellmKinds)),
  api_key: required(text),
  base_url: optional(text),
  blacklist_models: optional(list(text)),
  model_configs: optional(record(modelConfig)),
});

type Settings = Exclude<ReturnType<typeof settings>, typeof invalid>;
type ModelConfig = Exclude<ReturnType<typeof modelConfig>, typeof invalid>;

const { updateProvider, listProviders, deleteProvider, getProvider } = ProvidersService.method;

/** Adds or replaces a provider. Settings of its models stay as they are when there are none in the request. */
export async function putConfig(gateway: Gateway, given: Settings, caller: Caller): Promise<void> {
  checkAddress(given);
  const provider = providerOf(given);
  await removeOfOtherKind(gateway, provider, caller);
  const paths = ["display_name", "api_key", "base_url", "blocked_models", `labels.${kindLabel}`];
  const updateMask = { paths: given.model_configs === undefined ? paths : [...paths, "models"] };
  await gateway.unary(updateProvider, { provider, updateMask, allowMissing: true }, caller);
}

function checkAddress({ provider, base_url }: Settings): void {
  if (provider === "livellm" && !base_url) throw new Rejected(400, "base_url is required for the livellm provider");
}

function providerOf(
  given: Settings,
): MessageInitShape<typeof ProviderSchema> & { readonly id: string; readonly kind: string } {
  return {
    id: idOfUid(given.uid),
    kind: adapterOf(given),
    displayName: given.uid.slice(0, 128),
    apiKey: given.api_key,
    baseUrl: given.base_url ?? "",
    blockedModels: [...(given.blacklist_models ?? [])],
    labels: { [kindLabel]: given.provider },
    models: Object.entries(given.model_configs ?? {}).map(([model, config]) => modelOf(model, config)),
  };
}

function modelOf(model: string, config: ModelConfig) {
  const { fallback } = config;
  return {
    model,
    fallbacks: fallback ? [targetOf(fallback)] : [],
    ...(fallback && { strategy: fallback.fallback_strategy === "parallel" ? Strategy.PARALLEL : Strategy.SEQUENTIAL }),
    ...policyOf(config),
  };
}

type FallbackConfig = NonNullable<ModelConfig["fallback"]>;

function targetOf(fallback: FallbackConfig) {
  const { fallback_provider_uid, fallback_model } = fallback;
  return { provider: idOfUid(fallback_provider_uid), model: fallback_model, ...policyOf(fallback) };
}

function policyOf({ context_limit, context_overflow_strategy }: ModelConfig | FallbackConfig) {
  if (context_limit <= 0) return {};
  const strategy = context_overflow_strategy === "recycle" ? Overflow.RECYCLE : Overflow.TRUNCATE;
  return { contextPolicy: { strategy, maxInputTokens: context_limit } };
}

/** A provider keeps its kind for life here; livellm's may change it. */
async function removeOfOtherKind(
  gateway: Gateway,
  { id, kind }: { id: string; kind: string },
  caller: Caller,
): Promise<void> {
  const current = await find(gateway, id, caller);
  if (current && !current.readOnly && current.kind !== kind) {
    await gateway.unary(deleteProvider, { id, allowMissing: true }, caller);
  }
}

async function find(gateway: Gateway, id: string, caller: Caller): Promise<Provider | undefined> {
  try {
    return (await gateway.unary(getProvider, { id }, caller)).provider;
  } catch (error) {
    if (error instanceof ConnectError && error.code === Code.NotFound) return undefined;
    throw error;
  }
}

/** Removes a provider. Throws {@link Rejected} (404) when there is none. */
export async function deleteConfig(gateway: Gateway, uid: string, caller: Caller): Promise<void> {
  try {
    await gateway.unary(deleteProvider, { id: idOfUid(uid) }, caller);
  } catch (error) {
    if (error instanceof ConnectError && error.code === Code.NotFound)
      throw new Rejected(404, `Config '${uid}' not found`);
    throw error;
  }
}

/** The providers that can be changed here, with their keys masked, as far as the caller knows their kinds. */
export async function listConfigs(gateway: Gateway, caller: Caller): Promise<readonly object[]> {
  const providers: Provider[] = [];
  let pageToken = "";
  do {
    const page = await gateway.unary(listProviders, { pageSize: 500, pageToken }, caller);
    providers.push(...page.providers);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  const userAgent = caller.headers.get("user-agent") ?? "";
  return providers.filter(({ readOnly }) => !readOnly).flatMap((provider) => configOf(provider, userAgent));
}

const mask = "*".repeat(10);

function configOf(provider: Provider, userAgent: string): object[] {
  const kind = kindOfProvider(provider);
  const told = kind && kindFor(kind, userAgent);
  if (!told) return [];
  return [
    {
      uid: uidOfId(provider.id),
      provider: told,
      api_key: provider.obfuscatedApiKey === "" ? "" : mask,
      base_url: provider.baseUrl || null,
      blacklist_models: provider.blockedModels.length > 0 ? provider.blockedModels : null,
      model_configs: provider.models.length > 0 ? Object.fromEntries(provider.models.map(modelConfigOf)) : null,
    },
  ];
}

function modelConfigOf({ model, fallbacks, strategy, contextPolicy }: ModelSettings): [string, object] {
  const [target] = fallbacks;
  const fallback = target && {
    fallback_provider_uid: uidOfId(target.provider),
    fallback_model: target.model,
    fallback_strategy: strategy === Strategy.PARALLEL ? "parallel" : "sequential",
    ...contextConfigOf(target.contextPolicy),
  };
  return [model, { fallback: fallback ?? null, ...contextConfigOf(contextPolicy) }];
}

function contextConfigOf(policy: ModelSettings["contextPolicy"]) {
  return {
    context_limit: policy?.maxInputTokens ?? 0,
    context_overflow_strategy: policy?.strategy === Overflow.RECYCLE ? "recycle" : "truncate",
  };
}
