import type { MessageInitShape } from "@bufbuild/protobuf";
import { type RouteSchema, Route_Strategy as Strategy } from "../../../gen/livellm/v1/route_pb.ts";
import type { JsonObject } from "../json.ts";
import { Rejected } from "../rejected.ts";
import { idOfUid } from "./provider-id.ts";

type RouteInit = MessageInitShape<typeof RouteSchema>;

/** What each alternative says of its target. */
export interface TargetChoice {
  readonly providerUid: string;
  readonly model: string;
  readonly voice?: string;
  /** Merged into the body that is sent to the provider. */
  readonly options?: JsonObject;
}

/** The most targets of one route, as the contract has it. */
const maxTargets = 8;

/** The route through some targets. Throws {@link Rejected} when there are none or too many. */
export function routeThrough(
  choices: readonly TargetChoice[],
  how: { readonly parallel: boolean; readonly timeoutSeconds?: number },
): RouteInit {
  if (choices.length === 0) throw new Rejected(400, "All requests failed: the list of requests is empty");
  if (choices.length > maxTargets) throw new Rejected(400, `at most ${maxTargets} requests can be tried in one call`);
  return {
    targets: choices.map(({ providerUid, model, voice = "", options }) => ({
      provider: idOfUid(providerUid),
      model,
      voice,
      ...(options && Object.keys(options).length > 0 && { options }),
    })),
    ...(choices.length > 1 && { strategy: how.parallel ? Strategy.PARALLEL : Strategy.SEQUENTIAL }),
    ...(how.timeoutSeconds !== undefined && { attemptTimeout: duration(how.timeoutSeconds) }),
  };
}

function duration(seconds: number): { seconds: bigint; nanos: number } {
  const whole = Math.floor(seconds);
  return { seconds: BigInt(whole), nanos: Math.round((seconds - whole) * 1e9) };
}
