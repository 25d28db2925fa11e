import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Capability } from "../gen/livellm/v1/models_service_pb.ts";
import type { Provider } from "../gen/livellm/v1/providers_service_pb.ts";
import type { TargetSchema } from "../gen/livellm/v1/route_pb.ts";
import { element, find } from "./element.ts";
import { models } from "./gateway.ts";

/** A provider and a model to choose. */
export interface TargetFields {
  /** Undefined when no provider is chosen. */
  read(): MessageInitShape<typeof TargetSchema> | undefined;
  /** Offers these providers; keeps what was chosen where it is still there. */
  offer(providers: readonly Provider[]): void;
  onChange(react: () => void): void;
}

export interface TargetOptions {
  /** The model of the provider `local` that fits; other providers have their own default. */
  readonly localModel: string;
  /** What a model has to be able to do to be suggested. */
  readonly capability: Capability;
  /** The first choice, meaning no provider at all. */
  readonly none?: string;
}

/** The two fields `<prefix>-provider` and `<prefix>-model` of the page. */
export function targetFields(prefix: string, { localModel, capability, none }: TargetOptions): TargetFields {
  const provider = find(`${prefix}-provider`, HTMLSelectElement);
  const model = find(`${prefix}-model`, HTMLInputElement);
  let offered: readonly Provider[] = [];
  const suggest = () => {
    const chosen = offered.find(({ id }) => id === provider.value);
    model.placeholder = chosen?.defaultModel || "as the provider calls it";
    model.value = chosen?.kind === "local" ? localModel : "";
  };
  provider.addEventListener("change", suggest);
  suggestModels(provider, model, capability);
  return {
    read: () => (provider.value === "" ? undefined : { provider: provider.value, model: model.value.trim() }),
    offer(providers) {
      offered = providers.filter(({ disabled }) => !disabled);
      const before = provider.value;
      provider.replaceChildren(...(none === undefined ? [] : [option("", none)]), ...offered.map(optionOf));
      provider.value = offered.some(({ id }) => id === before) ? before : (provider.options[0]?.value ?? "");
      if (provider.value !== before || before === "") suggest();
    },
    onChange: (react) => provider.addEventListener("change", react),
  };
}

/**
 * Suggests the provider's models, once somebody looks for one: what lists none, or not now, takes the names that it knows all the same.
 */
function suggestModels(provider: HTMLSelectElement, model: HTMLInputElement, capability: Capability): void {
  const list = element("datalist", "");
  list.id = `${model.id}s`;
  model.after(list);
  model.setAttribute("list", list.id);
  let listed = "";
  model.addEventListener("focus", async () => {
    const asked = provider.value;
    if (asked === listed) return;
    listed = asked;
    list.replaceChildren();
    try {
      const found = await models.listModels({ provider: asked, capabilities: [capability], pageSize: 1000 });
      if (provider.value === asked) list.replaceChildren(...found.models.map(({ id }) => option(id, id)));
    } catch (error) {
      console.info(`no models of ${asked}: ${error instanceof Error ? error.message : String(error)}`);
    }
  });
}

function optionOf({ id, displayName }: Provider): HTMLOptionElement {
  return option(id, displayName && displayName !== id ? `${id} (${displayName})` : id);
}

function option(value: string, text: string): HTMLOptionElement {
  const made = element("option", "", text);
  made.value = value;
  return made;
}
