import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Command } from "commander";
import type { RouteSchema } from "../../gen/livellm/v1/route_pb.ts";
import { wrongUsage } from "./exit-codes.ts";

/** Where a call goes, as the command line says it. */
export interface RouteOptions {
  readonly provider?: string;
  readonly model?: string;
  readonly route?: string;
  readonly voice?: string;
}

/** Gives a command the options of a route. */
export function withRouteOptions(command: Command): Command {
  return command
    .option("-p, --provider <id>", "the provider; found by the model when not given")
    .option("-m, --model <model>", "the model; the provider's default model when not given")
    .option("-r, --route <name>", "a route that is kept on the gateway, in place of provider and model");
}

/** Throws when the options name no route, or two. */
export function routeOf({ provider, model, route, voice }: RouteOptions): MessageInitShape<typeof RouteSchema> {
  if (route && (provider || model || voice))
    throw wrongUsage("--route stands in place of --provider, --model and --voice");
  if (route) return { name: route };
  if (provider || model) return { targets: [{ provider, model, voice }] };
  throw wrongUsage(
    "where to? Name a --model, a --provider or a --route",
    '"livellm models" lists the models; "--provider local" needs no key',
  );
}
