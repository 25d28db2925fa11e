import { LivellmError } from "../core/error.ts";
import type { ServerSentEvent, UpstreamHead, UpstreamRequest } from "../core/upstream.ts";
import { type Batched, batched, inBatches } from "../streams/batches.ts";
import { readServerSentEvents } from "./server-sent-events.ts";
import { codeOfReason } from "./status.ts";

/** What is needed of an exchange to say what came of it. */
export interface Exchange {
  readonly request: UpstreamRequest;
  readonly head: UpstreamHead;
  /** Takes secrets out of a text. */
  readonly redact: (text: string) => string;
}

/** So much of a body is read for what it says. */
const maxReadBytes = 64 * 1024;

/** Whether an answer says that it is a stream of events, or does not say what it is. */
export function mayBeEvents({ headers }: UpstreamHead): boolean {
  const type = mediaTypeOf(headers);
  return type === "" || type === "text/event-stream";
}

/**
 * The events of an answer that says it is something else. Some servers mean events all the same; where none comes it was an
 * error with status 200, a proxy's page, or an address where somebody else answers, and is thrown as that: not as a stream
 * that broke off.
 */
export function eventsIfAny(bytes: AsyncIterable<Uint8Array>, exchange: Exchange): Batched<ServerSentEvent> {
  return batched(readOrExplain(bytes, exchange));
}

async function* readOrExplain(
  bytes: AsyncIterable<Uint8Array>,
  exchange: Exchange,
): AsyncGenerator<readonly ServerSentEvent[], void> {
  const beginning: Uint8Array[] = [];
  let length = 0;
  let found = false;
  const keep = (chunk: Uint8Array) => {
    if (!found && length < maxReadBytes) beginning.push(chunk);
    length += chunk.length;
  };
  for await (const events of inBatches(readServerSentEvents(seen(bytes, keep)))) {
    found ||= events.length > 0;
    yield events;
  }
  if (!found) throw noEvents(Buffer.concat(beginning).toString("utf8").slice(0, maxReadBytes), exchange);
}

async function* seen(bytes: AsyncIterable<Uint8Array>, see: (chunk: Uint8Array) => void): AsyncGenerator<Uint8Array> {
  for await (const chunk of bytes) {
    see(chunk);
    yield chunk;
  }
}

/** What a body of JSON explains is told, as of any refusal; of another body nothing, for it may be the answer itself. */
function noEvents(body: string, { request, head, redact }: Exchange): LivellmError {
  const type = mediaTypeOf(head.headers);
  const said = isJson(body) ? request.explain(body, 0) : undefined;
  const reason = said?.reason ?? "bad_provider_response";
  const explained = redact(said?.message ?? "").slice(0, 400);
  const message = `${answered(request, head)} with ${type}, and not with the stream that was asked for`;
  return new LivellmError(
    said?.code ?? codeOfReason(reason),
    reason,
    `${message}${explained ? `: ${explained}` : "; is the base URL right?"}`,
    { httpStatus: head.status, ...(said?.providerCode && { providerCode: redact(said.providerCode) }) },
  );
}

/** A body that should be JSON and is not. */
export function notJson({ request, head }: Omit<Exchange, "redact">, text: string, cause: unknown): LivellmError {
  const what = text.trim() === "" ? "an empty body" : "a body that is not JSON";
  const hint = /^\s*</.test(text) ? "; is the base URL right?" : "";
  const message = `${answered(request, head)} with ${what}${hint}`;
  return new LivellmError("internal", "bad_provider_response", message, { cause, httpStatus: head.status });
}

function answered({ url }: UpstreamRequest, { status }: UpstreamHead): string {
  return `${new URL(url).host} answered ${status}`;
}

function mediaTypeOf(headers: UpstreamHead["headers"]): string {
  return (headers["content-type"]?.toString().split(";")[0] ?? "").trim().toLowerCase().slice(0, 100);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
