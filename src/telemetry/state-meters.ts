import { attribute, ownAttribute } from "./attributes.ts";
import type { MetricRegistry } from "./metric-registry.ts";
import { packageVersion } from "./package-version.ts";

/** The parts of the server whose state is told. */
export interface ObservedState {
  /** The calls that were let in, and those that wait. */
  readonly slots: { readonly running: number; readonly waiting: number };
  /** Which models calls are kept from. */
  readonly health: {
    avoided(): Iterable<{ readonly provider: string; readonly model: string; readonly avoided: boolean }>;
  };
  /** Where providers, routes and tokens are kept. */
  readonly store: { available(): boolean };
  /** What is counted together with other processes; `connected` is not there for a process that has no others. */
  readonly shared: { readonly connected?: () => boolean };
}

/** What is looked up when metrics are asked for. */
export function observeState(registry: MetricRegistry, { slots, health, store, shared }: ObservedState): void {
  const gauge = (name: string, unit: string, description: string, read: () => number | undefined) =>
    registry.observe({ name, unit, description, attributes: [], type: "gauge", observe: () => pointOf(read()) });
  gauge(
    "livellm.admission.running",
    "{call}",
    "Calls that hold one of the places of LIVELLM_MAX_CALLS.",
    () => slots.running,
  );
  gauge("livellm.admission.queued", "{call}", "Calls that wait for such a place.", () => slots.waiting);
  gauge(
    "livellm.store.available",
    "{database}",
    "1 while the database answers, 0 while calls go on with what was last known.",
    () => Number(store.available()),
  );
  gauge(
    "livellm.shared_state.connected",
    "{connection}",
    "1 while callers' limits are counted together with other processes, 0 while this one counts for itself; absent where there are no others.",
    () => shared.connected && Number(shared.connected()),
  );
  observeBuild(registry);
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

/** Until when others can believe the certificate that this server shows; `endsAt` knows none without TLS. */
export function observeCertificate(registry: MetricRegistry, endsAt: () => Date | undefined): void {
  registry.observe({
    name: "livellm.tls.certificate.not_after",
    unit: "s",
    description: "When the certificate in use ends, in seconds since 1970; absent without TLS.",
    attributes: [],
    type: "gauge",
    observe: () => pointOf(endsAt()?.getTime()).map((point) => ({ ...point, value: point.value / 1000 })),
  });
}

function observeBuild(registry: MetricRegistry): void {
  const build = { [attribute.serviceVersion]: packageVersion(), [attribute.runtimeVersion]: process.version };
  registry.observe({
    name: "livellm.build.info",
    unit: "{build}",
    description: "1 for the version of livellm that runs, and of Node.js.",
    attributes: Object.keys(build),
    type: "gauge",
    observe: () => [{ attributes: build, value: 1 }],
  });
}

function pointOf(value: number | undefined) {
  return value === undefined ? [] : [{ attributes: {}, value }];
}
