import { fromJson, type JsonObject, type JsonValue, toJson } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, type Interceptor, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { WebSocket } from "ws";
import { AgentService, RunStreamRequestSchema } from "../../gen/livellm/v1/agent_service_pb.ts";
import { ErrorDetailSchema } from "../../gen/livellm/v1/error_pb.ts";
import { ProvidersService } from "../../gen/livellm/v1/providers_service_pb.ts";
import { echoRequest } from "../support/echo-request.ts";

/** How a call ended: `ok`, or the code and the reason. */
export type Ending = "ok" | `${string} ${string}`;

/** One way to call: what to call, and the authorization to call with. */
export interface Face {
  readonly name: string;
  /** Streams a word from the model echo. */
  run(url: string, authorization: string | undefined): Promise<Ending>;
  /** Lists the providers, which is for administrators. */
  administer(url: string, authorization: string | undefined): Promise<Ending>;
}

const runPath = "/livellm.v1.AgentService/RunStream";
const listPath = "/livellm.v1.ProvidersService/ListProviders";

export const faces: readonly Face[] = [
  rpcFace("gRPC", (options) => createGrpcTransport(options)),
  rpcFace("gRPC, compressed", (options) =>
    createGrpcTransport({ ...options, useBinaryFormat: false, compressMinBytes: 0 }),
  ),
  rpcFace("gRPC-Web", (options) => createGrpcWebTransport({ ...options, httpVersion: "1.1" })),
  rpcFace("Connect over HTTP/1.1", (options) => createConnectTransport({ ...options, httpVersion: "1.1" })),
  rpcFace("Connect over HTTP/2", (options) =>
    createConnectTransport({ ...options, httpVersion: "2", useBinaryFormat: true }),
  ),
  plainFace("SSE", "text/event-stream"),
  plainFace("NDJSON", "application/x-ndjson"),
  {
    name: "Connect's GET",
    run: (url, authorization) => fetchEnding(`${url}/livellm.v1.ProvidersService/ListProviderKinds`, authorization),
    administer: (url, authorization) => fetchEnding(url + listPath, authorization),
  },
  socketFace("WebSocket, handshake", (authorization) => ({ ...(authorization && { headers: { authorization } }) })),
  socketFace("WebSocket, first frame", (authorization) => ({ ...(authorization && { first: { authorization } }) })),
  socketFace("WebSocket, subprotocol", (authorization) => ({
    protocols: ["livellm.v1", ...(authorization?.startsWith("Bearer ") ? [tokenProtocol(authorization)] : [])],
  })),
];

function tokenProtocol(authorization: string): string {
  return authorization.replace("Bearer ", "livellm.token.");
}

interface TransportOptions {
  readonly baseUrl: string;
  readonly interceptors: Interceptor[];
}

function rpcFace(name: string, transport: (options: TransportOptions) => Transport): Face {
  const client = (url: string, authorization: string | undefined) => {
    const authorize: Interceptor = (next) => (request) => {
      if (authorization) request.header.set("authorization", authorization);
      return next(request);
    };
    return transport({ baseUrl: url, interceptors: [authorize] });
  };
  const ending = async (call: () => Promise<unknown>): Promise<Ending> => {
    try {
      await call();
      return "ok";
    } catch (error) {
      return endingOf(ConnectError.from(error));
    }
  };
  return {
    name,
    run: (url, authorization) =>
      ending(async () => {
        const request = fromJson(RunStreamRequestSchema, echoRequest("word") as JsonValue);
        for await (const _ of createClient(AgentService, client(url, authorization)).runStream(request));
      }),
    administer: (url, authorization) =>
      ending(() => createClient(ProvidersService, client(url, authorization)).listProviders({})),
  };
}

function endingOf(error: ConnectError): Ending {
  const [detail] = error.findDetails(ErrorDetailSchema);
  const code = (Code[error.code] ?? "").replace(/(?<=[a-z])[A-Z]/g, (letter) => `_${letter}`).toLowerCase();
  return `${code} ${detail && (toJson(ErrorDetailSchema, detail) as JsonObject).reason}`;
}

function plainFace(name: string, accept: string): Face {
  const post = (url: string, authorization: string | undefined, request: object) =>
    fetchEnding(url, authorization, {
      method: "POST",
      headers: { "content-type": "application/json", accept },
      body: JSON.stringify(request),
    });
  return {
    name,
    run: (url, authorization) => post(url + runPath, authorization, echoRequest("word")),
    administer: (url, authorization) => post(url + listPath, authorization, {}),
  };
}

async function fetchEnding(url: string, authorization: string | undefined, init: RequestInit = {}): Promise<Ending> {
  const headers = { ...(init.headers as Record<string, string>), ...(authorization && { authorization }) };
  const response = await fetch(url, { ...init, headers, signal: AbortSignal.timeout(20_000) });
  const text = await response.text();
  return response.ok ? "ok" : endingOfObject(JSON.parse(text) as JsonObject);
}

function endingOfObject({ code, details }: JsonObject): Ending {
  const all = (details ?? []) as unknown as readonly { readonly type: string; readonly debug: JsonObject }[];
  const detail = all.find(({ type }) => type === "livellm.v1.ErrorDetail");
  return `${code} ${detail?.debug.reason}`;
}

interface Opening {
  readonly headers?: Readonly<Record<string, string>>;
  readonly first?: Readonly<Record<string, string>>;
  readonly protocols?: string[];
}

function socketFace(name: string, opening: (authorization: string | undefined) => Opening): Face {
  const call = (url: string, path: string, { headers, first, protocols = [] }: Opening, request: object) =>
    new Promise<Ending>((resolve, reject) => {
      const socket = new WebSocket(url.replace("http", "ws") + path, protocols, { headers });
      let last = "";
      socket.on("open", () => {
        if (first) socket.send(JSON.stringify({ headers: first }));
        socket.send(JSON.stringify(request));
      });
      socket.on("message", (data) => {
        last = String(data);
      });
      socket.on("error", reject);
      socket.on("close", () => {
        const { status } = JSON.parse(last) as { readonly status: JsonObject };
        resolve(status.code === "ok" ? "ok" : endingOfObject(status));
      });
    });
  return {
    name,
    run: (url, authorization) => call(url, runPath, opening(authorization), echoRequest("word")),
    administer: (url, authorization) => call(url, listPath, opening(authorization), {}),
  };
}
