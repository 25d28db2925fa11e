import http2 from "node:http2";
import { Agent, type Dispatcher } from "undici";

/** Makes calls, and throws at every one that does not succeed. */
export interface LoadClient {
  /** One call, on connection `index`; `onChunk` for each chunk of a stream. */
  call(index: number, onChunk?: () => void): Promise<void>;
  close(): Promise<void>;
}

export interface Http1Call {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Calls over HTTP/1.1, each index on a connection of its own. Chunks are server-sent events. */
export function createHttp1Client({ url, headers, body }: Http1Call): LoadClient {
  const { origin, pathname } = new URL(url);
  const agents: Agent[] = [];
  const request: Omit<Dispatcher.RequestOptions, "origin"> = {
    path: pathname,
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body,
  };
  return {
    async call(index, onChunk) {
      agents[index] ??= new Agent({ connections: 1, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 });
      const { statusCode, body: answer } = await agents[index].request({ ...request, origin });
      let events = 0;
      for await (const chunk of answer) if (onChunk) events += tellEvents(chunk as Buffer, onChunk);
      if (statusCode !== 200) throw new Error(`${url} answered ${statusCode}`);
      if (onChunk && events === 0) throw new Error(`${url} sent no event`);
    },
    close: async () => void (await Promise.all(agents.map((agent) => agent.destroy()))),
  };
}

const dataField = Buffer.from("data: ");

function tellEvents(bytes: Buffer, onChunk: () => void): number {
  let found = 0;
  for (let at = bytes.indexOf(dataField); at !== -1; at = bytes.indexOf(dataField, at + 6)) {
    found++;
    onChunk();
  }
  return found;
}

export interface GrpcCall {
  readonly url: string;
  readonly path: string;
  /** The request message, without its envelope. */
  readonly message: Uint8Array;
}

/** Calls gRPC with prior knowledge, each index on a connection of its own. Chunks are messages. */
export function createGrpcClient({ url, path, message }: GrpcCall): LoadClient {
  const sessions: http2.ClientHttp2Session[] = [];
  const body = enveloped(message);
  return {
    call(index, onChunk) {
      sessions[index] ??= connect(url);
      return grpcCall(sessions[index], { path, body, onChunk });
    },
    async close() {
      for (const session of sessions) session.destroy();
    },
  };
}

export function connect(url: string): http2.ClientHttp2Session {
  const session = http2.connect(url, { settings: { initialWindowSize: 1 << 20 } });
  session.setMaxListeners(0);
  return session;
}

/** A message as gRPC sends it: one byte of flags, four of length. */
export function enveloped(message: Uint8Array): Buffer {
  const bytes = Buffer.alloc(5 + message.length);
  bytes.writeUInt32BE(message.length, 1);
  bytes.set(message, 5);
  return bytes;
}

interface OneCall {
  readonly path: string;
  readonly body: Buffer;
  readonly onChunk: (() => void) | undefined;
}

function grpcCall(session: http2.ClientHttp2Session, { path, body, onChunk }: OneCall): Promise<void> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ":method": "POST", ":path": path, ...grpcHeaders });
    let status: string | undefined;
    const seen = (headers: http2.IncomingHttpHeaders) => {
      status = headers["grpc-status"]?.toString() ?? status;
    };
    stream.on("response", seen).on("trailers", seen).on("error", reject);
    stream.on("data", onChunk ? messageCounter(onChunk) : () => undefined);
    stream.on("close", () => (status === "0" ? resolve() : reject(new Error(`${path}: grpc-status ${status}`))));
    stream.end(body);
  });
}

export const grpcHeaders = { "content-type": "application/grpc+proto", te: "trailers" };

/** Counts messages in bytes that are cut anywhere. */
export function messageCounter(onMessage: () => void): (chunk: Buffer) => void {
  let skip = 0;
  let head: number[] = [];
  return (chunk) => {
    for (let at = 0; at < chunk.length; ) {
      const step = Math.min(skip, chunk.length - at);
      skip -= step;
      at += step;
      if (step > 0 && skip === 0) onMessage();
      while (skip === 0 && head.length < 5 && at < chunk.length) head.push(chunk[at++] ?? 0);
      if (head.length < 5) continue;
      skip = Buffer.from(head).readUInt32BE(1);
      head = [];
      if (skip === 0) onMessage();
    }
  };
}
