import { invalidRequest, type LivellmError, type Violation } from "../core/error.ts";

/** How a list is cut into pages. `others` are the fields that must be the same for every page of a list. */
export interface Paging {
  readonly defaultSize: number;
  readonly maxSize: number;
  readonly others: readonly unknown[];
}

/** A page of a sorted list: what comes behind `after`, so that additions and deletions do not shift it. */
export interface PageAsked {
  readonly after: string;
  readonly size: number;
}

interface PageFields {
  readonly pageSize: number;
  readonly pageToken: string;
}

/** The page that is asked for. A token that was made with other fields, or not by us, is `invalid_argument`. */
export function pageAsked({ pageSize, pageToken }: PageFields, paging: Paging): PageAsked {
  const size = Math.min(pageSize || paging.defaultSize, paging.maxSize);
  if (pageToken === "") return { after: "", size };
  const [after, others] = parseToken(pageToken);
  if (typeof after !== "string" || typeof others !== "string") {
    throw badToken("PATTERN", "is not a nextPageToken of this server");
  }
  if (others !== JSON.stringify([size, ...paging.others])) {
    throw badToken("CONFLICT", "was made with other fields: repeat those of the call before");
  }
  return { after, size };
}

/** A page of what is sorted by `keyOf`, and the token of the next one; empty on the last. */
export function cutPage<T>(
  all: readonly T[],
  page: PageAsked,
  { keyOf, others }: { readonly keyOf: (item: T) => string; readonly others: readonly unknown[] },
): { readonly shown: readonly T[]; readonly nextPageToken: string } {
  const rest = page.after === "" ? all : all.filter((item) => keyOf(item) > page.after);
  const shown = rest.slice(0, page.size);
  const last = rest.length > shown.length ? shown.at(-1) : undefined;
  return { shown, nextPageToken: last === undefined ? "" : tokenOf(keyOf(last), [page.size, ...others]) };
}

/** The token of what comes behind `after`; `others` begin with the page's size. Opaque to callers. */
export function tokenOf(after: string, others: readonly unknown[]): string {
  return Buffer.from(JSON.stringify([after, JSON.stringify(others)])).toString("base64url");
}

/** Empty when it is not a JSON list. */
function parseToken(token: string): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(Buffer.from(token, "base64url").toString());
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}

function badToken(reason: Violation["reason"], description: string): LivellmError {
  return invalidRequest([{ field: "pageToken", description, reason }]);
}
