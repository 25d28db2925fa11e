import { LivellmError } from "../core/error.ts";
import type { ExplainError } from "../core/upstream.ts";
import { codeOf, meaningOfStatus, retryAfterMs } from "./status.ts";

/** What a vendor answered in place of what was asked for. */
export interface Refusal {
  readonly url: string;
  /** `answered`, or `refused the WebSocket with`. */
  readonly verb: string;
  readonly httpStatus: number;
  /** The value of a header, by its lower-case name. */
  readonly header: (name: string) => string | undefined;
  readonly body: string;
  readonly explain: ExplainError;
  /** Takes secrets out of a text. */
  readonly redact: (text: string) => string;
}

/** The error that a vendor's status and body come to: what the body explains, over what the status means. */
export function refused({ url, verb, httpStatus, header, body, explain, redact }: Refusal): LivellmError {
  const explained = explain(body, httpStatus);
  const meaning = meaningOfStatus(httpStatus);
  const message = advised(redact(explained.message).slice(0, 400), httpStatus);
  return new LivellmError(
    explained.code ?? codeOf(explained.reason, httpStatus),
    explained.reason ?? meaning.reason,
    `${new URL(url).host} ${verb} ${httpStatus}: ${message}`,
    {
      httpStatus,
      providerCode: explained.providerCode && redact(explained.providerCode),
      providerRequestId: redactedId(header("x-request-id") ?? header("request-id"), redact),
      retryAfterMs: explained.retryAfterMs ?? retryAfterMs(header, Date.now()),
    },
  );
}

/** What a vendor says, with what to look at where that is next to nothing. */
function advised(said: string, httpStatus: number): string {
  if (httpStatus >= 300 && httpStatus < 400) return "redirects are not followed; the base URL has to be where it leads";
  const isBare = httpStatus === 404 && /^(?:404 )?(?:page )?(?:not found)?\.?$/i.test(said);
  return `${said || "no explanation"}${isBare ? "; is the base URL right?" : ""}`;
}

/** A vendor's request id is told to callers as it is, so a vendor that puts its key there must not be believed. */
function redactedId(id: string | undefined, redact: (text: string) => string): string | undefined {
  return id === undefined ? undefined : redact(id).slice(0, 128);
}
