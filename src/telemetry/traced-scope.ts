import type { Capability } from "../core/provider.ts";
import type { AskedModel, RouteObservation } from "./observation.ts";
import type { OpenSpan, SpanSource } from "./tracer.ts";

/** Where spans of a route, or of one of its steps, belong. */
export interface TracedScope {
  readonly counted: RouteObservation;
  readonly capability: Capability;
  readonly parent: OpenSpan;
  readonly spans: SpanSource;
  /** Whether the call's answer comes bit by bit. */
  readonly streams: boolean;
  readonly captureContent: boolean;
  /** What the conventions call a kind of provider. */
  readonly providerNames: ReadonlyMap<string, string>;
  /** What the model of a step is asked. */
  readonly asked?: () => AskedModel;
}
