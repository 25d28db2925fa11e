import type { MessageInitShape } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import { ErrorDetailSchema } from "../../gen/livellm/v1/error_pb.ts";
import { Failure_Reason as Reason, type TargetSchema } from "../../gen/livellm/v1/route_pb.ts";

type Target = MessageInitShape<typeof TargetSchema>;

/** The id of a target's provider, where the gateway has refused the call because there is none. */
export function unknownProvider(error: unknown, targets: readonly Target[]): string | undefined {
  if (!(error instanceof ConnectError)) return undefined;
  const [detail] = error.findDetails(ErrorDetailSchema);
  if (detail?.reason !== Reason.NOT_FOUND || detail.attempts.length > 0) return undefined;
  return targets.find(({ provider }) => provider && error.rawMessage.includes(`"${provider}"`))?.provider;
}
