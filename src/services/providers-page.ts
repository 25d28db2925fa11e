import type { ListProvidersRequest } from "../../gen/livellm/v1/providers_service_pb.ts";
import { invalidRequest, type LivellmError, type Violation } from "../core/error.ts";

const defaultSize = 50;
const maxSize = 500;

/** A page of a list that is sorted by id: what comes behind `after`, so that additions and deletions do not shift it. */
export interface Page {
  readonly after: string;
  readonly size: number;
  readonly kind: string;
}

/** The page that is asked for. A token that was made with other fields, or not by us, is `invalid_argument`. */
export function readPage(request: ListProvidersRequest): Page {
  const size = Math.min(request.pageSize || defaultSize, maxSize);
  if (request.pageToken === "") return { after: "", size, kind: request.kind };
  const page = parseToken(request.pageToken);
  if (!page) throw badToken("PATTERN", "is not a nextPageToken of this server");
  if (page.size !== size || page.kind !== request.kind) {
    throw badToken("CONFLICT", "was made with another pageSize or kind: repeat the fields of the call before");
  }
  return page;
}

/** Opaque to callers. */
export function tokenOf({ after, size, kind }: Page): string {
  return Buffer.from(JSON.stringify([after, size, kind])).toString("base64url");
}

function parseToken(token: string): Page | undefined {
  const [after, size, kind] = parseList(Buffer.from(token, "base64url").toString());
  if (typeof after !== "string" || typeof size !== "number" || typeof kind !== "string") return undefined;
  return { after, size, kind };
}

/** Empty when it is not a JSON list. */
function parseList(text: string): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}

function badToken(reason: Violation["reason"], description: string): LivellmError {
  return invalidRequest([{ field: "pageToken", description, reason }]);
}
