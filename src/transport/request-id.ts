import { randomUUID } from "node:crypto";
import { headerOf, type NodeRequest } from "./node-http.ts";

const visibleAscii = /^[\x21-\x7e]{1,128}$/;

/**
 * The request's id: the caller's `x-request-id` when that is 1 to 128 visible ASCII characters, else a made-up one. The
 * request's headers say the same afterwards, so that whoever reads them gets the id that the caller is told.
 */
export function assignRequestId(request: Pick<NodeRequest, "headers">): string {
  const given = headerOf(request, "x-request-id");
  const id = given !== undefined && visibleAscii.test(given) ? given : randomUUID();
  request.headers["x-request-id"] = id;
  return id;
}
