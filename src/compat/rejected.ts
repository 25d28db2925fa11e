import { type ErrorCode, LivellmError } from "../core/error.ts";
import type { JsonValue } from "./json.ts";

/** One thing that is wrong with a request, in the form that FastAPI's users know (pydantic's error list). */
export interface Issue {
  /** A stable word: `missing`, `string_type`, `enum`, … */
  readonly type: string;
  /** Where: `["body", "AgentRequest", "messages", 0, "content"]`. */
  readonly loc: readonly (string | number)[];
  readonly msg: string;
  /** What was there; for a missing field, what it is missing from. */
  readonly input: unknown;
  readonly ctx?: Readonly<Record<string, JsonValue>>;
}

const codes: Readonly<Record<number, ErrorCode>> = {
  400: "invalid_argument",
  404: "not_found",
  405: "unimplemented",
  413: "resource_exhausted",
  422: "invalid_argument",
  503: "unavailable",
};

/** A request that a surface refuses by itself, with the HTTP status and the `detail` that its clients expect. */
export class Rejected extends LivellmError {
  readonly status: number;
  readonly detail: string | readonly Issue[];

  constructor(status: number, detail: string | readonly Issue[]) {
    super(codes[status] ?? "unknown", "invalid_request", typeof detail === "string" ? detail : sentence(detail));
    this.status = status;
    this.detail = detail;
  }
}

/** Several issues as text, as pydantic prints them. */
function sentence(issues: readonly Issue[]): string {
  const count = issues.length === 1 ? "1 validation error" : `${issues.length} validation errors`;
  return [count, ...issues.map(({ loc, msg, type }) => `${loc.join(".")}: ${msg} [type=${type}]`)].join("\n");
}
