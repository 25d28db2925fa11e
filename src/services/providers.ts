import { randomUUID } from "node:crypto";
import type { Message } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import {
  type CreateProviderRequest,
  CreateProviderRequestSchema,
  type DeleteProviderRequest,
  type Provider,
  type ProvidersService,
  type UpdateProviderRequest,
} from "../../gen/livellm/v1/providers_service_pb.ts";
import { invalidRequest, LivellmError, type Violation } from "../core/error.ts";
import type { JsonObject } from "../core/json.ts";
import type { Capabilities, ProviderConfig } from "../core/provider.ts";
import { HealthMemory } from "../routing/health.ts";
import { askWithin } from "../routing/provider-listing.ts";
import type { ProviderRegistry } from "../routing/provider-registry.ts";
import type { ProviderDraft } from "../store/provider-store.ts";
import type { FurtherChecks } from "./further-checks.ts";
import { checkHealth } from "./health.ts";
import { createQueue, repeatWhenOvertaken } from "./one-after-another.ts";
import { checkProvider, type MayCall } from "./providers-check.ts";
import { coversKind, providerMask } from "./providers-mask.ts";
import { draftFromProto, draftToProto, kindToProto, providerToProto } from "./providers-messages.ts";
import { readPage, tokenOf } from "./providers-page.ts";

/** What the service works with. */
export interface ProvidersServiceOptions {
  readonly registry: ProviderRegistry;
  /** Builds a provider to try it out; disposed when that is done. Its revision has never been used before. */
  readonly connect: (config: ProviderConfig) => Disposable & { readonly capabilities: Capabilities };
  /** What is wrong with a kind and its settings, with paths from `provider` on. */
  readonly checkSettings: (kind: string, settings: JsonObject) => readonly Violation[];
  /** Whether this server would ever connect to such a host; any, as far as is known, when unset. */
  readonly mayCall?: MayCall;
  /** What calls have shown; nothing when unset. */
  readonly health?: HealthMemory;
}

/** livellm.v1.ProvidersService. The form of single fields (required, lengths, patterns) has been checked before. */
export function createProvidersService(options: ProvidersServiceOptions): ServiceImpl<typeof ProvidersService> {
  const { registry, health = new HealthMemory() } = options;
  const inTurn = createQueue();
  return {
    createProvider: async ({ provider, validateOnly }, { signal }) => {
      const draft = checkedDraft(required(provider), options);
      if (!validateOnly) return { provider: providerToProto(await registry.create(draft)) };
      if (isStored(registry.get(draft.id))) throw alreadyThere(draft.id);
      await tryOut(draft, options, signal);
      return { provider: draftToProto(draft) };
    },
    getProvider: async ({ id }) => ({ provider: providerToProto(find(id, registry)) }),
    listProviders: async (request) => {
      const page = readPage(request);
      const rest = registry.list().filter(({ id, kind }) => id > page.after && (!page.kind || kind === page.kind));
      const shown = rest.slice(0, page.size);
      const last = rest.length > shown.length ? shown.at(-1) : undefined;
      return {
        providers: shown.map(providerToProto),
        nextPageToken: last ? tokenOf({ ...page, after: last.id }) : "",
      };
    },
    updateProvider: async (request) => {
      const config = await inTurn(() =>
        repeatWhenOvertaken({ etag: request.provider?.etag, allowMissing: request.allowMissing }, () =>
          update(request, options),
        ),
      );
      return { provider: providerToProto(config) };
    },
    deleteProvider: async (request) => {
      await inTurn(() => repeatWhenOvertaken(request, () => remove(request, registry)));
      return {};
    },
    checkHealth: (request, { signal }) => checkHealth(request, { ...options, health }, signal),
    listProviderKinds: async () => ({
      kinds: registry
        .kinds()
        .flatMap((name) => registry.kind(name) ?? [])
        .map(kindToProto),
    }),
  };
}

/** What is wrong with a provider that is to be added, for whoever has found other violations in the request. */
export function providerChecks(options: ProvidersServiceOptions): FurtherChecks {
  const check = (message: Message) => {
    const { provider } = message as CreateProviderRequest;
    return provider ? violationsOf(draftFromProto(provider), provider, options) : [];
  };
  return new Map([[CreateProviderRequestSchema.typeName, check]]);
}

function required(provider: Provider | undefined): Provider {
  if (provider) return provider;
  throw invalidRequest([{ field: "provider", description: "is required", reason: "REQUIRED" }]);
}

function checkedDraft(provider: Provider, options: ProvidersServiceOptions): ProviderDraft {
  const draft = draftFromProto(provider);
  refuse(violationsOf(draft, provider, options));
  return draft;
}

function violationsOf(draft: ProviderDraft, given: Provider, options: ProvidersServiceOptions): readonly Violation[] {
  return [
    ...options.checkSettings(draft.kind, draft.settings),
    ...checkProvider(draft, given, { kind: options.registry.kind(draft.kind), mayCall: options.mayCall }),
  ];
}

function refuse(violations: readonly Violation[]): void {
  if (violations.length > 0) throw invalidRequest(violations);
}

/** Asks the provider for its models, which proves address and key and costs nothing. */
async function tryOut(draft: ProviderDraft, options: ProvidersServiceOptions, signal: AbortSignal): Promise<void> {
  const now = new Date();
  const config = { ...draft, readOnly: false, createTime: now, updateTime: now, revision: randomUUID() };
  using connected = options.connect(config);
  const { models } = connected.capabilities;
  if (models) await askWithin({ ask: (s) => models.list(s), provider: draft.id, timeoutMs: tryOutTimeoutMs }, signal);
}

/** How long a provider may take that is tried out. */
const tryOutTimeoutMs = 10_000;

function find(id: string, registry: ProviderRegistry): ProviderConfig {
  const config = registry.get(id);
  if (!config) throw noSuchProvider(id, registry.ids());
  return config;
}

function noSuchProvider(id: string, ids: readonly string[]): LivellmError {
  const more = ids.length > 20 ? ` and ${ids.length - 20} more` : "";
  const there = ids.length > 0 ? `there are: ${ids.slice(0, 20).join(", ")}${more}` : "there are none yet";
  return new LivellmError("not_found", "not_found", `there is no provider "${id}"; ${there}`);
}

function isStored(config: ProviderConfig | undefined): boolean {
  return config !== undefined && !config.readOnly;
}

async function update(request: UpdateProviderRequest, options: ProvidersServiceOptions): Promise<ProviderConfig> {
  const given = required(request.provider);
  const { registry } = options;
  const current = request.allowMissing ? registry.get(given.id) : find(given.id, registry);
  if (!current) return addMissing(request, given, options);
  refuseReadOnly(current);
  const draft = changedDraft(request, { given, current, options });
  refuseOther(given.etag, current);
  return registry.update(draft, current.revision);
}

function changedDraft(
  { updateMask }: UpdateProviderRequest,
  about: { readonly given: Provider; readonly current: ProviderConfig; readonly options: ProvidersServiceOptions },
): ProviderDraft {
  const { given, current, options } = about;
  const { paths, violations } = providerMask.read(given, updateMask);
  const givenDraft = draftFromProto(given);
  const draft = providerMask.merge(draftOf(current), givenDraft, paths);
  refuse([
    ...violations,
    ...providerMask.missing(current, givenDraft, paths),
    ...(coversKind(updateMask) ? otherKind(given, current) : []),
    ...violationsOf(draft, given, options),
  ]);
  return draft;
}

/** AIP-134: with `allow_missing` a provider that is not there is made of all fields, whatever the mask. */
function addMissing(
  { updateMask }: UpdateProviderRequest,
  given: Provider,
  options: ProvidersServiceOptions,
): Promise<ProviderConfig> {
  const draft = draftFromProto(given);
  refuse([...providerMask.read(given, updateMask).violations, ...violationsOf(draft, given, options)]);
  if (given.etag !== "") throw changedMeanwhile(given.id); // whoever has an etag has seen one, so it was removed
  return options.registry.create(draft);
}

function draftOf(config: ProviderConfig): ProviderDraft {
  const { readOnly, createTime, updateTime, revision, ...draft } = config;
  return draft;
}

function otherKind(given: Provider, current: ProviderConfig): readonly Violation[] {
  if (given.kind === "" || given.kind === current.kind) return [];
  const description = `cannot be changed: it is ${current.kind}; delete the provider and add it again`;
  return [{ field: "provider.kind", description, reason: "IMMUTABLE" }];
}

async function remove(request: DeleteProviderRequest, registry: ProviderRegistry): Promise<void> {
  if (request.allowMissing && !registry.get(request.id)) return;
  const current = find(request.id, registry);
  refuseReadOnly(current);
  refuseOther(request.etag, current);
  await registry.delete(current.id, current.revision);
}

function refuseReadOnly({ id, readOnly }: ProviderConfig): void {
  if (!readOnly) return;
  throw new LivellmError(
    "failed_precondition",
    "invalid_request",
    `provider "${id}" comes from the server's environment and cannot be changed or deleted here; creating a provider ` +
      "with the same id hides it until that one is deleted",
  );
}

function refuseOther(etag: string, { id, revision }: ProviderConfig): void {
  if (etag !== "" && etag !== revision) throw changedMeanwhile(id);
}

function changedMeanwhile(id: string): LivellmError {
  const message = `provider "${id}" has been changed or deleted meanwhile: read it again, and repeat with its new etag`;
  return new LivellmError("aborted", "invalid_request", message);
}

function alreadyThere(id: string): LivellmError {
  const message = `there is a provider "${id}" already: change it with UpdateProvider, or choose another id`;
  return new LivellmError("already_exists", "invalid_request", message);
}
