import { Agent, fetch as undiciFetch } from "undici";
import { LivellmError } from "../core/error.ts";
import { administratorsGuard, type Guard, guardedConnector, refusalOfGuard } from "./guard.ts";
import { connectionFailed } from "./network-error.ts";

/** What clients that want a `fetch` get: the platform's shape, over connections that this server opens and guards. */
export type Fetch = (url: string | URL, init?: RequestInit) => Promise<Response>;

export interface FetchOptions {
  /** How long a connection, its TLS handshake included, may take. */
  readonly connectTimeoutMs: number;
  /** The largest body that is read, in bytes; what is larger breaks off with an error. */
  readonly maxBodyBytes: number;
  /** Where it may connect to; wherever an administrator may send it when unset. */
  readonly guard?: Guard;
}

/** A `fetch` with a connection pool of its own. */
export interface FetchPool {
  /**
   * Throws `LivellmError` when no answer came, and the signal's reason when it was aborted. Redirects are not followed: the
   * address that was checked is the one that is called, so an answer with one is an error.
   */
  readonly fetch: Fetch;
  close(): Promise<void>;
}

/** Makes a pool. undici's own header and body timers are off: the clocks belong to the caller. */
export function createFetch({ connectTimeoutMs, maxBodyBytes, guard = administratorsGuard }: FetchOptions): FetchPool {
  const connect = guardedConnector(guard, connectTimeoutMs);
  const agent = new Agent({ connect, headersTimeout: 0, bodyTimeout: 0, pipelining: 1 });
  return {
    async fetch(url, init) {
      const answer = await send(agent, url, init);
      if (!isRedirect(answer.status)) return limited(answer, maxBodyBytes);
      await answer.body?.cancel();
      throw redirected(url, answer.status);
    },
    close: () => agent.destroy(),
  };
}

/** undici's own types and those of Node describe the same objects. */
type UndiciInit = Parameters<typeof undiciFetch>[1];

async function send(agent: Agent, url: string | URL, init: RequestInit | undefined): Promise<Response> {
  const options = { ...init, redirect: "manual", dispatcher: agent } as UndiciInit;
  try {
    return (await undiciFetch(url, options)) as unknown as Response;
  } catch (error) {
    if (init?.signal?.aborted) throw init.signal.reason;
    throw refusalOfGuard(error) ?? connectionFailed(String(url), error);
  }
}

function isRedirect(status: number): boolean {
  return status >= 300 && status < 400 && status !== 304;
}

function redirected(url: string | URL, status: number): LivellmError {
  const message = `${new URL(url).host} answered ${status}: redirects are not followed, so give the address it points to`;
  return new LivellmError("failed_precondition", "provider_rejected", message, { httpStatus: status });
}

function limited(answer: Response, maxBodyBytes: number): Response {
  if (!answer.body) return answer;
  const { status, statusText, headers } = answer;
  return new Response(answer.body.pipeThrough(atMost(maxBodyBytes)), { status, statusText, headers });
}

function atMost(maxBodyBytes: number): TransformStream<Uint8Array, Uint8Array> {
  let bytes = 0;
  return new TransformStream({
    transform(chunk, controller) {
      bytes += chunk.length;
      if (bytes <= maxBodyBytes) controller.enqueue(chunk);
      else controller.error(tooLarge(maxBodyBytes));
    },
  });
}

function tooLarge(maxBodyBytes: number): LivellmError {
  const message = `the answer is larger than ${Math.floor(maxBodyBytes / 1024)} KiB`;
  return new LivellmError("internal", "bad_provider_response", message);
}
