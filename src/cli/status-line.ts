import { toJson } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import { ErrorDetailSchema } from "../../gen/livellm/v1/error_pb.ts";

/** The last line of a stream of JSON lines, in the form of the gateway's own: a stream without it is not complete. */
export function statusLine(error?: unknown): string {
  return `${JSON.stringify({ status: error === undefined ? { code: "ok" } : statusOf(error) })}\n`;
}

function statusOf(error: unknown) {
  const failure = ConnectError.from(error);
  const details = failure
    .findDetails(ErrorDetailSchema)
    .map((detail) => ({ type: ErrorDetailSchema.typeName, debug: toJson(ErrorDetailSchema, detail) }));
  return {
    code: codeToString(failure.code),
    message: failure.rawMessage,
    ...(details.length > 0 && { details }),
  };
}
