import { Agent, type Dispatcher } from "undici";
import { LivellmError } from "../core/error.ts";
import { linkedController } from "../streams/signals.ts";
import { connectionFailed, connectionLost } from "./network-error.ts";
import { isPublicAddress, lookupPublic, notPublicCode } from "./public-address.ts";

/** What may be fetched. */
export interface DownloadLimits {
  /** The provider's own address: files beside it are fetched wherever it is, others from public https addresses alone. */
  readonly providerUrl: string;
  /** What the media type has to begin with, such as `image/`. */
  readonly mimeTypePrefix: string;
  readonly maxBytes: number;
  /** For all of it. */
  readonly timeoutMs: number;
}

/** A file that was fetched, and its media type without parameters. */
export interface Download {
  readonly data: Uint8Array;
  readonly mimeType: string;
}

/** Redirects to another path of the same host are followed so often. */
const maxRedirects = 3;

/**
 * Fetches a file that a provider's answer names by its address. No credentials go along. Throws
 * `bad_provider_response` for an address that may not be called, and for a file that is not within the limits.
 */
export async function download(address: string, limits: DownloadLimits, signal: AbortSignal): Promise<Download> {
  const url = checkedUrl(address, limits);
  using clock = linkedController(signal);
  const timer = setTimeout(() => clock.abort(tooSlow(url, limits)), limits.timeoutMs);
  const agent = new Agent({ connect: isBeside(url, limits) ? {} : { lookup: lookupPublic }, pipelining: 1 });
  try {
    return await read(await open({ agent, signal: clock.signal }, url), { url, limits });
  } catch (error) {
    if (clock.signal.aborted) throw clock.signal.reason;
    throw error instanceof LivellmError ? error : connectionLost(url.href, error);
  } finally {
    clearTimeout(timer);
    await agent.destroy();
  }
}

/** The provider's own host, and its port: there the configuration has said that it may be called. */
function isBeside(url: URL, { providerUrl }: DownloadLimits): boolean {
  return url.origin === new URL(providerUrl).origin;
}

function checkedUrl(address: string, limits: DownloadLimits): URL {
  const url = URL.parse(address);
  if (!url) throw unreadable("an address that is none");
  const isLiteral = /^\[|^[\d.]+$/.test(url.hostname);
  const isPublic = !isLiteral || isPublicAddress(url.hostname.replace(/^\[|\]$/g, ""));
  if (isBeside(url, limits) || (url.protocol === "https:" && isPublic)) return url;
  throw notCalled(url);
}

interface Call {
  readonly agent: Agent;
  readonly signal: AbortSignal;
}

async function open(call: Call, url: URL, redirects = 0): Promise<Dispatcher.ResponseData> {
  const answer = await send(call, url);
  if (answer.statusCode < 300 || answer.statusCode > 399) return answer;
  const next = URL.parse(answer.headers.location?.toString() ?? "", url.href);
  if (next?.origin !== url.origin) throw unreadable(`a file at ${url.host} that is elsewhere: redirects end there`);
  if (redirects >= maxRedirects) throw unreadable(`a file at ${url.host} with more than ${maxRedirects} redirects`);
  answer.body.destroy();
  return open(call, next, redirects + 1);
}

async function send({ agent, signal }: Call, url: URL): Promise<Dispatcher.ResponseData> {
  try {
    const answer = await agent.request({ origin: url.origin, path: url.pathname + url.search, method: "GET", signal });
    // A body that is let go of unread fails, and nobody else listens; who reads it is told all the same.
    answer.body.on("error", () => undefined);
    return answer;
  } catch (error) {
    throw isNotPublic(error) ? notCalled(url) : connectionFailed(url.href, error);
  }
}

function isNotPublic(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === notPublicCode;
}

interface Wanted {
  readonly url: URL;
  readonly limits: DownloadLimits;
}

async function read({ statusCode, headers, body }: Dispatcher.ResponseData, wanted: Wanted): Promise<Download> {
  const { url, limits } = wanted;
  if (statusCode !== 200) throw unreadable(`a file that is not there: ${url.host} answered ${statusCode}`);
  const mimeType = headers["content-type"]?.toString().split(";")[0]?.trim().toLowerCase() ?? "";
  if (!isExpected(mimeType, limits)) throw unreadable(`a file of the type ${mimeType.slice(0, 100)}`);
  if (Number(headers["content-length"]) > limits.maxBytes) throw tooLarge(limits);
  return { data: await collect(body, limits), mimeType };
}

/** Stores that keep files without their types say so; the bytes themselves tell then. */
function isExpected(mimeType: string, { mimeTypePrefix }: DownloadLimits): boolean {
  return mimeType.startsWith(mimeTypePrefix) || /^((application|binary)\/octet-stream)?$/.test(mimeType);
}

async function collect(body: AsyncIterable<Uint8Array>, limits: DownloadLimits): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > limits.maxBytes) throw tooLarge(limits);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function tooLarge({ maxBytes }: DownloadLimits): LivellmError {
  return unreadable(`a file of more than ${maxBytes} bytes`);
}

function tooSlow(url: URL, { timeoutMs }: DownloadLimits): LivellmError {
  const message = `the provider's file at ${url.host} did not come within ${timeoutMs / 1000} s`;
  return new LivellmError("unavailable", "timeout", message);
}

function notCalled({ protocol, host }: URL): LivellmError {
  return unreadable(
    `a file at ${protocol}//${host}, which this server does not call: it has to be a public https address, or the provider's own host`,
  );
}

function unreadable(what: string): LivellmError {
  return new LivellmError("internal", "bad_provider_response", `the provider sent ${what}`);
}
