import type { ServiceImpl } from "@connectrpc/connect";
import type { ModelsService } from "../../gen/livellm/v1/models_service_pb.ts";
import { LivellmError } from "../core/error.ts";

/** The RPCs of the contract that this version does not serve; each says so. */
function refuse(what: string): () => never {
  return () => {
    throw new LivellmError("unimplemented", "unsupported", `this version of livellm does not serve ${what} yet`);
  };
}

export const modelsService: ServiceImpl<typeof ModelsService> = {
  listModels: refuse("model listing"),
  getModel: refuse("model listing"),
  findBestModel: refuse("model search"),
};
