import type { MessageInitShape } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import type { RouteSchema } from "../../../gen/livellm/v1/route_pb.ts";
import { Rejected } from "../rejected.ts";
import { unknownProvider } from "../unknown-provider.ts";
import { uidOfId } from "./provider-id.ts";

type Route = MessageInitShape<typeof RouteSchema> | undefined;

/**
 * livellm's own words, which clients look for, where the gateway says the same in others: a provider that is not configured, a
 * model that is on its list of blocked ones. Any other error stays as it is.
 */
export function inLivellmWords(error: unknown, routes: readonly Route[]): unknown {
  if (!(error instanceof ConnectError)) return error;
  const targets = routes.flatMap((route) => route?.targets ?? []);
  const unknown = unknownProvider(error, targets);
  if (unknown) return noConfig(unknown);
  const blocked = targets.find(({ provider, model }) =>
    error.rawMessage.includes(`the model ${model} is not allowed on the provider ${provider}`),
  );
  return blocked?.provider ? blacklisted(blocked.model ?? "", blocked.provider) : error;
}

function noConfig(id: string): Rejected {
  const advice = "Please register the config first using POST /providers/config";
  return new Rejected(400, `Provider config with uid '${uidOfId(id)}' not found. ${advice}`);
}

function blacklisted(model: string, id: string): Rejected {
  return new Rejected(400, `Model '${model}' is blacklisted for provider '${uidOfId(id)}'`);
}
