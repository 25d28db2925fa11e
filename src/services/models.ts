import type { ContextValues, HandlerContext, ServiceImpl } from "@connectrpc/connect";
import type { FindBestModelRequest, ModelsService } from "../../gen/livellm/v1/models_service_pb.ts";
import { callerAccess } from "../access/principal.ts";
import { LivellmError } from "../core/error.ts";
import { failureToProto } from "../messages/route.ts";
import { deniedUse, mayUseModel, mayUseSomeOf } from "../routing/allowed-use.ts";
import { toFailure } from "../routing/failure.ts";
import type { HealthMemory } from "../routing/health.ts";
import type { KnownModel } from "../routing/known-model.ts";
import { isNamed, type ModelDirectory, type ModelList } from "../routing/model-directory.ts";
import { nearNames } from "../routing/near-names.ts";
import type { ProviderDirectory } from "../routing/resolver.ts";
import { capabilitiesFromProto, modelToProto, requirementsFromProto } from "./models-messages.ts";
import { orderModels } from "./models-preferences.ts";
import { modelsMeeting } from "./models-requirements.ts";
import { cutPage, pageAsked } from "./page-token.ts";

export interface ModelsServiceOptions {
  readonly models: ModelDirectory;
  readonly health: HealthMemory;
  readonly registry: Pick<ProviderDirectory, "get" | "ids">;
}

/** livellm.v1.ModelsService: what the configured providers have, and who suits best. */
export function createModelsService(options: ModelsServiceOptions): ServiceImpl<typeof ModelsService> {
  const { models, registry } = options;
  return {
    async listModels(request, { signal, values }) {
      const capabilities = capabilitiesFromProto(request.capabilities);
      const others = [request.provider, ...capabilities];
      const page = pageAsked(request, { defaultSize: 100, maxSize: 1000, others });
      const list = await listOf(request.provider || undefined, options, { signal, values });
      const able = usable(list.models, values).filter((model) =>
        capabilities.every((one) => model.capabilities?.includes(one)),
      );
      const { shown, nextPageToken } = cutPage(able, page, { keyOf, others });
      return { models: shown.map(modelToProto), nextPageToken, failures: failuresToProto(shownOf(list, values)) };
    },
    async getModel({ provider, id }, { signal, values }) {
      const first = await listOf(provider, options, { signal, values });
      const found = usable(first.models, values).find((model) => isNamed(model, id));
      if (found) return { model: modelToProto(found) };
      const renewed = await models.renewed(provider, signal);
      const late = usable(renewed.models, values).find((model) => isNamed(model, id));
      if (!late) throw missingModel(id, provider, shownOf(renewed, values), values);
      return { model: modelToProto(late) };
    },
    async findBestModel(request, { signal, values }) {
      checkProviders(request, registry, values);
      const list = await models.list(undefined, signal);
      const best = findBest(request, usable(list.models, values), options.health);
      return {
        models: best.map(modelToProto),
        targets: best.map(({ provider, id }) => ({ provider, model: id })),
      };
    },
  };
}

/** Those that the caller may use; the others are not shown to it. */
function usable(models: readonly KnownModel[], values: ContextValues): readonly KnownModel[] {
  const access = callerAccess(values);
  return access ? models.filter(({ provider, id }) => mayUseModel(access.allowed, provider, id)) : models;
}

/** A provider that the caller may not use is refused whether it exists or not. */
function mayUseProvider(values: ContextValues): (provider: string) => boolean {
  const access = callerAccess(values);
  return (provider) => mayUseSomeOf(access?.allowed, provider);
}

function refuseDenied(provider: string, field: string, values: ContextValues): void {
  const allowed = callerAccess(values)?.allowed;
  if (allowed && !mayUseSomeOf(allowed, provider)) throw deniedUse(provider, field, allowed);
}

function shownIds(registry: ModelsServiceOptions["registry"], values: ContextValues): readonly string[] {
  return registry.ids().filter(mayUseProvider(values));
}

/** What of a list the caller is told. */
function shownOf({ models, failures }: ModelList, values: ContextValues): ModelList {
  const mayUse = mayUseProvider(values);
  return { models: usable(models, values), failures: failures.filter(({ provider }) => mayUse(provider)) };
}

/** Of a provider that is asked for by name, also that it is disabled is told. */
async function listOf(
  provider: string | undefined,
  { models, registry }: ModelsServiceOptions,
  { signal, values }: Pick<HandlerContext, "signal" | "values">,
): Promise<ModelList> {
  if (provider === undefined) return models.list(undefined, signal);
  refuseDenied(provider, "provider", values);
  const config = registry.get(provider);
  if (!config) throw noSuchProvider(provider, shownIds(registry, values));
  if (!config.disabled) return models.list(provider, signal);
  const error = new LivellmError("failed_precondition", "unsupported", `the provider ${provider} is disabled`);
  return { models: [], failures: [{ provider, error }] };
}

function findBest(
  request: FindBestModelRequest,
  models: readonly KnownModel[],
  health: HealthMemory,
): readonly KnownModel[] {
  const requirements = requirementsFromProto(request.requirements);
  const there = models.filter(({ retireTime }) => !retireTime || retireTime.getTime() > health.now());
  const meeting = modelsMeeting(requirements, there);
  const { capabilities } = requirements;
  const ordered = orderModels(meeting, { preferences: request.preferences, capabilities, health });
  return ordered.slice(0, request.maxResults || 1);
}

function checkProviders(
  { requirements }: FindBestModelRequest,
  registry: ModelsServiceOptions["registry"],
  values: ContextValues,
): void {
  const named = requirements?.providers ?? [];
  for (const id of named) refuseDenied(id, "requirements.providers", values);
  const unknown = named.find((id) => !registry.get(id));
  if (unknown === undefined) return;
  throw noSuchProvider(unknown, shownIds(registry, values), { requirement: "providers" });
}

function failuresToProto({ failures }: ModelList) {
  return failures.map(({ provider, error }) => ({ provider, failure: failureToProto(toFailure(error)) }));
}

/** Sorts as provider and id do: no id of a provider has a character below the space. */
function keyOf({ provider, id }: KnownModel): string {
  return `${provider}\u0000${id}`;
}

/** What it is called by may be another name than the one that the caller may use, so it was looked for first. */
function missingModel(id: string, provider: string, shown: ModelList, values: ContextValues): LivellmError {
  const allowed = callerAccess(values)?.allowed;
  if (allowed && !mayUseModel(allowed, provider, id)) return deniedUse(`${provider}/${id}`, "id", allowed);
  return noSuchModel(id, provider, shown);
}

function noSuchModel(id: string, provider: string, { models, failures }: ModelList): LivellmError {
  const [failed] = failures;
  if (failed && models.length === 0) return failed.error;
  const near = nearNames(
    id,
    models.flatMap((model) => [model.id, ...(model.aliases ?? [])]),
  );
  const hint = near.length > 0 ? `; near: ${near.join(", ")}` : "";
  const metadata = { model: id, ...(near.length > 0 && { near: near.join(", ") }) };
  return new LivellmError("not_found", "not_found", `the provider ${provider} has no model "${id}"${hint}`, {
    metadata,
  });
}

function noSuchProvider(id: string, ids: readonly string[], metadata?: Record<string, string>): LivellmError {
  const more = ids.length > 20 ? ` and ${ids.length - 20} more` : "";
  const message = `there is no provider "${id}"; there are: ${ids.slice(0, 20).join(", ")}${more}`;
  return new LivellmError("not_found", "not_found", message, { ...(metadata && { metadata }) });
}
