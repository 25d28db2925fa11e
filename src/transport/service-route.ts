import type { DescService } from "@bufbuild/protobuf";
import { createServiceImplSpec, type MethodImplSpec, type ServiceImpl } from "@connectrpc/connect";

/**
 * A service and what answers it. Build `implementation` as `ServiceImpl<typeof TheService>`, so that a missing RPC does not
 * compile; the wide type here is what lets services of all kinds stand in one list.
 */
export interface ServiceRoute {
  readonly service: DescService;
  readonly implementation: Readonly<Record<string, (...args: never[]) => unknown>>;
}

/** The implementations of all methods. Throws when one is missing: a gap is a defect, not `unimplemented`. */
export function methodsOf(routes: readonly ServiceRoute[]): readonly MethodImplSpec[] {
  return routes.flatMap(({ service, implementation }) => {
    for (const method of service.methods) {
      if (typeof implementation[method.localName] !== "function") {
        throw new Error(`${service.typeName} has no implementation of ${method.name}`);
      }
    }
    // The shapes were checked where the implementation was built; generated types cannot say it for any service.
    const spec = createServiceImplSpec(service, implementation as unknown as Partial<ServiceImpl<DescService>>);
    return Object.values(spec.methods);
  });
}
