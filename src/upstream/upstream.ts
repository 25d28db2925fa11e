import { type Duplex, Readable } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate } from "node:zlib";
import { Agent } from "undici";
import { LivellmError } from "../core/error.ts";
import type { Secret } from "../core/secret.ts";
import type { Upstream, UpstreamHead, UpstreamRequest } from "../core/upstream.ts";
import { Answer } from "./answer.ts";
import { addressOf, Connecting } from "./connecting.ts";
import { download } from "./download.ts";
import { administratorsGuard, type Guard, guardedConnector, refusalOfGuard } from "./guard.ts";
import { readLines } from "./lines.ts";
import { connectionFailed, connectionLost } from "./network-error.ts";
import { eventsIfAny, mayBeEvents, notJson } from "./other-answer.ts";
import { redactor } from "./redact.ts";
import { refused } from "./refusal.ts";
import { readServerSentEvents } from "./server-sent-events.ts";
import { openSocket } from "./web-socket.ts";

export interface UpstreamOptions {
  /** How long a connection, its TLS handshake included, may take. */
  readonly connectTimeoutMs: number;
  /** The provider's own secrets: taken out of every error text. */
  readonly secrets: readonly Secret[];
  /** Where it may connect to; wherever an administrator may send it when unset. */
  readonly guard?: Guard;
}

/** The largest body that is read as a whole; images come as base64 in JSON. */
const maxBodyBytes = 64 * 1024 * 1024;
const maxErrorBodyBytes = 64 * 1024;

/** Makes a vendor's connection pool. undici's own header and body timers are off: the clocks belong to routing. */
export function createUpstream(options: UpstreamOptions): Upstream {
  const { connectTimeoutMs, guard = administratorsGuard } = options;
  const connecting = new Connecting();
  const agent = new Agent({
    connect: connecting.track(guardedConnector(guard, connectTimeoutMs)),
    headersTimeout: 0,
    bodyTimeout: 0,
    pipelining: 1,
  });
  const redact = redactor(options.secrets);
  const placeOf = rememberPlace();

  const ask = (request: UpstreamRequest, signal: AbortSignal): Answer => {
    const { origin, path, address } = placeOf(request.url);
    const answer = new Answer({
      signal,
      headSettled: (abandoned) => connecting.leave(address, abandoned),
      explain: (error, begun) => explain(request.url, error, begun),
    });
    const { method = "POST", headers = {}, body = null } = request;
    connecting.enter(address);
    agent.dispatch({ origin, path, method, headers, body }, answer);
    return answer;
  };

  const open = async (request: UpstreamRequest, signal: AbortSignal) => {
    signal.throwIfAborted();
    const answer = ask(request, signal);
    const head = redactIds(await answer.head, redact);
    const bytes = decompressed(answer, head, (error) => {
      if (signal.aborted) throw signal.reason;
      throw connectionLost(request.url, error);
    });
    if (head.status >= 200 && head.status < 300) return { head, bytes };
    throw refused({
      url: request.url,
      verb: "answered",
      httpStatus: head.status,
      header: (name) => head.headers[name]?.toString(),
      body: await collectText(bytes),
      explain: request.explain,
      redact,
    });
  };

  return {
    async json(request, signal) {
      const { head, bytes } = await open(request, signal);
      return { ...head, value: parseJson((await collectBytes(bytes)).toString("utf8"), request, head) };
    },
    async events(request, signal) {
      const { head, bytes } = await open(request, signal);
      const events = mayBeEvents(head) ? readServerSentEvents(bytes) : eventsIfAny(bytes, { request, head, redact });
      return { ...head, events };
    },
    async lines(request, signal) {
      const { head, bytes } = await open(request, signal);
      return { ...head, lines: readLines(bytes) };
    },
    async bytes(request, signal) {
      const { head, bytes } = await open(request, signal);
      return { ...head, bytes };
    },
    socket: (request, signal) => openSocket(request, { connectTimeoutMs, redact, guard }, signal),
    download: (address, limits, signal) => download(address, { ...limits, guard }, signal),
    close: () => agent.destroy(),
  };
}

/** An address, taken apart as undici wants it. */
interface Place {
  readonly origin: string;
  readonly path: string;
  readonly address: string;
}

/** A provider is called at the same address most of the time: taking that apart was 2 µs a call. */
function rememberPlace(): (url: string) => Place {
  let last: { readonly url: string; readonly place: Place } | undefined;
  return (url) => {
    if (last?.url === url) return last.place;
    const parsed = new URL(url);
    const place = { origin: parsed.origin, path: parsed.pathname + parsed.search, address: addressOf(parsed) };
    last = { url, place };
    return place;
  };
}

function explain(url: string, error: Error, begun: boolean): LivellmError {
  return begun ? connectionLost(url, error) : (refusalOfGuard(error) ?? connectionFailed(url, error));
}

const idHeaders = ["x-request-id", "request-id"] as const;

/** Adapters hand these headers on to callers: without the secrets that a vendor may repeat in them. */
function redactIds(head: UpstreamHead, redact: (text: string) => string): UpstreamHead {
  let { headers } = head;
  for (const name of idHeaders) {
    const id = headers[name]?.toString();
    const plain = id && redact(id);
    if (plain !== id) headers = { ...headers, [name]: plain };
  }
  return headers === head.headers ? head : { ...head, headers };
}

/** We ask for no compression; some proxies compress all the same. */
function decompressed(
  answer: Answer,
  { headers }: UpstreamHead,
  fail: (error: unknown) => never,
): AsyncIterable<Uint8Array> {
  const decoder = decoderFor(headers["content-encoding"]);
  return decoder ? pipeThrough(answer, decoder, fail) : answer;
}

function decoderFor(encoding: string | readonly string[] | undefined): Duplex | undefined {
  if (encoding === "gzip") return createGunzip();
  if (encoding === "deflate") return createInflate();
  return encoding === "br" ? createBrotliDecompress() : undefined;
}

async function* pipeThrough(
  answer: Answer,
  decoder: Duplex,
  fail: (error: unknown) => never,
): AsyncGenerator<Uint8Array> {
  const source = Readable.from(answer, { objectMode: false });
  source.on("error", (error) => decoder.destroy(error));
  source.pipe(decoder);
  try {
    yield* decoder as AsyncIterable<Uint8Array>;
  } catch (error) {
    fail(error);
  } finally {
    source.destroy();
  }
}

async function collectBytes(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of bytes) {
    length += chunk.length;
    if (length > maxBodyBytes) {
      throw new LivellmError(
        "internal",
        "bad_provider_response",
        `the provider sent a body of more than ${maxBodyBytes / 1024 / 1024} MiB`,
      );
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** An error body, as far as we read one. A body that breaks off explains as much as had come. */
async function collectText(bytes: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of bytes) {
      chunks.push(chunk);
      length += chunk.length;
      if (length >= maxErrorBodyBytes) break;
    }
  } catch (error) {
    if (!(error instanceof LivellmError) || error.reason !== "stream_broken") throw error;
  }
  return Buffer.concat(chunks).toString("utf8").slice(0, maxErrorBodyBytes);
}

function parseJson(text: string, request: UpstreamRequest, head: UpstreamHead): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw notJson({ request, head }, text, cause);
  }
}
