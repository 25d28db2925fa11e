import type { Fetch } from "../upstream/fetch.ts";

/** Marks the request of one call inside this process; it never leaves it. */
const callHeader = "x-livellm-call";

/** What a request is for: it ends when `signal` aborts, and tells when its answer can bring no more. */
export interface Purpose {
  readonly signal: AbortSignal;
  /** The body is over, with an error or in good order; not called where the protocol lets the client take it up again. */
  ended(error?: unknown): void;
}

/** How the requests of one MCP connection are made. */
export interface McpFetch {
  readonly fetch: Fetch;
  /** Headers for requests of this purpose; call `release` when it is over. */
  bind(purpose: Purpose): { readonly headers: Readonly<Record<string, string>>; release(): void };
}

/**
 * Tells the requests of an MCP client apart by what they are for. The client itself ends only its own waiting in some
 * versions of the protocol, leaving the request open, and waits on when an answer breaks off. What is bound to nothing is
 * for the `connection`.
 */
export function createMcpFetch(send: Fetch, connection: () => Purpose): McpFetch {
  const purposes = new Map<string, Purpose>();
  let count = 0;
  return {
    fetch: async (url, init) => {
      const headers = new Headers(init?.headers);
      if (init?.method === "GET" && !headers.has("last-event-id")) return noStandingStream();
      const purpose = purposes.get(headers.get(callHeader) ?? "") ?? connection();
      headers.delete(callHeader);
      const signal = init?.signal ? AbortSignal.any([init.signal, purpose.signal]) : purpose.signal;
      return watched(await send(url, { ...init, headers, signal }), purpose);
    },
    bind(purpose) {
      const id = String(++count);
      purposes.set(id, purpose);
      return { headers: { [callHeader]: id }, release: () => void purposes.delete(id) };
    },
  };
}

/**
 * The stream that a server may send requests of its own on, outside any call: sampling and elicitation, which this server
 * refuses, so it is not opened. 405 is how a server says that it has none (MCP 2025-11-25, transports).
 */
function noStandingStream(): Response {
  return new Response(null, { status: 405 });
}

function watched(answer: Response, purpose: Purpose): Response {
  if (!answer.body || !answer.ok) return answer;
  const { status, statusText, headers } = answer;
  return new Response(ReadableStream.from(watchBody(answer.body, purpose)), { status, statusText, headers });
}

async function* watchBody(body: AsyncIterable<Uint8Array>, purpose: Purpose): AsyncGenerator<Uint8Array> {
  let resumable = false;
  try {
    for await (const chunk of body) {
      resumable ||= hasEventId(chunk);
      yield chunk;
    }
    if (!resumable) purpose.ended();
  } catch (error) {
    if (!resumable) purpose.ended(error);
    throw error;
  }
}

/** An event with an id is a place to take the stream up again from (MCP 2025-11-25, resumability). */
function hasEventId(chunk: Uint8Array): boolean {
  return /^id:/m.test(Buffer.from(chunk).toString("latin1"));
}
