import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** One piece of a body. A generator may wait for promises of the test's own between pieces: no sleeps. */
type Piece = string | Uint8Array;

/** What the vendor answers with. Status 200 and an event stream unless said otherwise. */
export interface VendorAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Iterable<Piece> | AsyncIterable<Piece>;
  /**
   * What follows the last piece: the proper `end`; a `reset` of the connection; its `close` in the middle of the body; or
   * `hang`, nothing at all until the client goes.
   */
  readonly ending?: "end" | "reset" | "close" | "hang";
}

/** One request that came in. */
interface VendorCall {
  readonly method: string;
  /** The path with its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: string;
  /** Resolves when the exchange is over: whether the answer was complete, and when, as of `performance.now()`. */
  readonly closed: Promise<{ readonly complete: boolean; readonly at: number }>;
  /** Bytes handed to the socket so far: tells whether a slow reader slows the vendor. */
  bytesWritten(): number;
}

/** A vendor made of a real HTTP server on a port of its own. */
export interface VendorServer extends AsyncDisposable {
  /** `http://127.0.0.1:port`, without a trailing slash. */
  readonly url: string;
  readonly calls: readonly VendorCall[];
  /** Sets the answer to every call from now on. */
  answerWith(answer: VendorAnswer | ((call: VendorCall) => VendorAnswer)): void;
  /** Resolves with the next call that comes in. */
  nextCall(): Promise<VendorCall>;
}

/** Starts a vendor; `await using` stops it, and cuts what is still open. */
export async function startVendor(first: VendorAnswer = {}): Promise<VendorServer> {
  const calls: VendorCall[] = [];
  let waiting: ((call: VendorCall) => void)[] = [];
  let answerTo: (call: VendorCall) => VendorAnswer = () => first;
  const server = createServer(async (request, response) => {
    const call = await readCall(request, response);
    calls.push(call);
    for (const resolve of waiting.splice(0)) resolve(call);
    await sendAnswer(answerTo(call), response);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    answerWith(answer) {
      answerTo = typeof answer === "function" ? answer : () => answer;
    },
    nextCall: () => new Promise((resolve) => waiting.push(resolve)),
    async [Symbol.asyncDispose]() {
      waiting = [];
      await stop(server);
    },
  };
}

async function readCall(request: IncomingMessage, response: ServerResponse): Promise<VendorCall> {
  const { socket } = request;
  const closed = new Promise<{ complete: boolean; at: number }>((resolve) => {
    response.once("close", () => resolve({ complete: response.writableFinished, at: performance.now() }));
  });
  const chunks: Buffer[] = await request.toArray();
  return {
    method: request.method ?? "",
    path: request.url ?? "",
    headers: request.headers,
    body: Buffer.concat(chunks).toString("utf8"),
    closed,
    bytesWritten: () => socket.bytesWritten,
  };
}

async function sendAnswer(answer: VendorAnswer, response: ServerResponse): Promise<void> {
  const { status = 200, headers = {}, body = [], ending = "end" } = answer;
  response.writeHead(status, { "content-type": "text/event-stream; charset=utf-8", ...headers });
  response.flushHeaders();
  for await (const piece of body) {
    if (response.destroyed) return;
    if (!response.write(piece)) await Promise.race([once(response, "drain"), once(response, "close")]);
  }
  if (ending === "end") response.end();
  if (ending === "close") response.socket?.destroySoon();
  if (ending === "reset") response.socket?.resetAndDestroy();
}

async function stop(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}
