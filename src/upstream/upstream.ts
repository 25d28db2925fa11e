import type { Readable } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate } from "node:zlib";
import { Agent, type Dispatcher } from "undici";
import { LivellmError } from "../core/error.ts";
import type { Secret } from "../core/secret.ts";
import type { Upstream, UpstreamHead, UpstreamRequest } from "../core/upstream.ts";
import { Connecting } from "./connecting.ts";
import { download } from "./download.ts";
import { administratorsGuard, type Guard, guardedConnector, refusalOfGuard } from "./guard.ts";
import { readLines } from "./lines.ts";
import { connectionFailed, connectionLost } from "./network-error.ts";
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

  const open = async (request: UpstreamRequest, signal: AbortSignal) => {
    const ask = () => send(agent, request, signal);
    const answer = await connecting.whileWaiting(new URL(request.url), signal, ask);
    const head: UpstreamHead = { status: answer.statusCode, headers: redactIds(answer.headers, redact) };
    const bytes = readBody(answer, request, signal);
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
      return { ...head, value: parseJson(Buffer.from(await collectBytes(bytes)).toString("utf8"), request) };
    },
    async events(request, signal) {
      const { head, bytes } = await open(request, signal);
      return { ...head, events: readServerSentEvents(bytes) };
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

const idHeaders = ["x-request-id", "request-id"] as const;

/** The headers that adapters hand on to callers, without the secrets that a vendor may repeat in them. */
function redactIds(headers: UpstreamHead["headers"], redact: (text: string) => string): UpstreamHead["headers"] {
  const redacted = idHeaders.flatMap((name) => {
    const id = headers[name]?.toString();
    const plain = id === undefined ? undefined : redact(id);
    return plain === id ? [] : [[name, plain] as const];
  });
  return redacted.length === 0 ? headers : { ...headers, ...Object.fromEntries(redacted) };
}

async function send(agent: Agent, request: UpstreamRequest, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
  try {
    const url = new URL(request.url);
    return await agent.request({
      origin: url.origin,
      path: url.pathname + url.search,
      method: request.method ?? "POST",
      headers: { ...request.headers },
      body: request.body ?? null,
      signal,
    });
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw refusalOfGuard(error) ?? connectionFailed(request.url, error);
  }
}

async function* readBody(
  answer: Dispatcher.ResponseData,
  request: UpstreamRequest,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  try {
    yield* decompress(answer) as AsyncIterable<Uint8Array>;
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw connectionLost(request.url, error);
  } finally {
    letGo(answer.body);
  }
}

/** What may come after the terminal event, and how long it may take. */
const afterglow = { limit: 64 * 1024, milliseconds: 1_000 };

/**
 * An adapter stops reading at the terminal event. The little that follows is read away, so that the connection can be used
 * again; a body that goes on is cut.
 */
function letGo(body: Dispatcher.ResponseData["body"]): void {
  if (body.destroyed || body.readableEnded) return;
  const enough = AbortSignal.timeout(afterglow.milliseconds);
  body.dump({ limit: afterglow.limit, signal: enough }).catch(() => body.destroy());
}

/** We ask for no compression; some proxies compress all the same. */
function decompress(answer: Dispatcher.ResponseData): AsyncIterable<Uint8Array> {
  const decoder = decoderFor(answer.headers["content-encoding"]);
  return decoder ? pipeThrough(answer.body, decoder) : answer.body.iterator({ destroyOnReturn: false });
}

function decoderFor(encoding: string | string[] | undefined) {
  if (encoding === "gzip") return createGunzip();
  if (encoding === "deflate") return createInflate();
  return encoding === "br" ? createBrotliDecompress() : undefined;
}

async function* pipeThrough(body: Readable, decoder: ReturnType<typeof createGunzip>): AsyncGenerator<Uint8Array> {
  body.on("error", (error) => decoder.destroy(error));
  body.pipe(decoder);
  try {
    yield* decoder as AsyncIterable<Uint8Array>;
  } finally {
    body.unpipe(decoder);
  }
}

async function collectBytes(bytes: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
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
  return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
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

function parseJson(text: string, request: UpstreamRequest): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new LivellmError(
      "internal",
      "bad_provider_response",
      `${new URL(request.url).host} answered 200 with a body that is not JSON`,
      { cause },
    );
  }
}
