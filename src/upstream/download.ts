import { Agent, type Dispatcher } from "undici";
import { LivellmError } from "../core/error.ts";
import type { Download, DownloadLimits } from "../core/upstream.ts";
import { linkedController } from "../streams/signals.ts";
import { createGuard, type Guard, guardedConnector, refusalOfGuard } from "./guard.ts";
import { connectionFailed, connectionLost } from "./network-error.ts";

/** The limits, and where the provider itself may be. */
export interface GuardedLimits extends DownloadLimits {
  readonly guard: Guard;
}

/** Redirects to another path of the same host are followed so often. */
const maxRedirects = 3;

/** A provider's answer is not trusted with where this server connects to, unless that is the provider's own host. */
const publicGuard = createGuard({ reach: () => "public" });

/** See `Upstream.download`. */
export async function download(address: string, limits: GuardedLimits, signal: AbortSignal): Promise<Download> {
  const url = checkedUrl(address, limits);
  using clock = linkedController(signal);
  const timer = setTimeout(() => clock.abort(tooSlow(url, limits)), limits.timeoutMs);
  const guard = isBeside(url, limits) ? limits.guard : publicGuard;
  const agent = new Agent({ connect: guardedConnector(guard, limits.timeoutMs), pipelining: 1 });
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
  if (isBeside(url, limits) || url.protocol === "https:") return url;
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
    throw refusalOfGuard(error) ? notCalled(url) : connectionFailed(url.href, error);
  }
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
