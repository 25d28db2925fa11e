import { attribute, ownAttribute } from "./attributes.ts";
import type { MetricRegistry } from "./metric-registry.ts";

/** The parts of the server whose state is told. */
export interface ObservedState {
  /** The calls that were let in, and those that wait. */
  readonly slots: { readonly running: number; readonly waiting: number };
  /** Which models calls are kept from. */
  readonly health: {
    avoided(): Iterable<{ readonly provider: string; readonly model: string; readonly avoided: boolean }>;
  };
  /** What is counted together with other processes; `connected` is not there for a process that has no others. */
  readonly shared: { readonly connected?: () => boolean };
}

/** What is looked up when metrics are asked for. */
export function observeState(registry: MetricRegistry, { slots, health, shared }: ObservedState): void {
  const gauge = (name: string, unit: string, description: string, read: () => number) =>
    registry.observe({
      name,
      unit,
      description,
      attributes: [],
      type: "gauge",
      observe: () => [{ attributes: {}, value: read() }],
    });
  gauge(
    "livellm.admission.running",
    "{call}",
    "Calls that hold one of the places of LIVELLM_MAX_CALLS.",
    () => slots.running,
  );
  gauge("livellm.admission.queued", "{call}", "Calls that wait for such a place.", () => slots.waiting);
  registry.observe({
    name: "livellm.shared_state.connected",
    unit: "{connection}",
    description:
      "1 while callers' limits are counted together with other processes, 0 while this one counts for itself; absent where there are no others.",
    attributes: [],
    type: "gauge",
    observe: () => (shared.connected ? [{ attributes: {}, value: shared.connected() ? 1 : 0 }] : []),
  });
  registry.observe({
    name: "livellm.breaker.open",
    unit: "{breaker}",
    description: "1 where calls are kept from a model because it has failed too often, else 0.",
    attributes: [ownAttribute.providerId, attribute.requestModel],
    type: "gauge",
    observe: () =>
      Array.from(health.avoided(), ({ provider, model, avoided }) => {
        const attributes = { [ownAttribute.providerId]: provider, [attribute.requestModel]: model };
        return { attributes, value: avoided ? 1 : 0 };
      }),
  });
}
