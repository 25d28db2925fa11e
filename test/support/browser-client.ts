import { create, type JsonObject, toJson } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import { AgentService, RunRequestSchema, RunStreamResponseSchema } from "../../gen/livellm/v1/agent_service_pb.ts";
import { ErrorDetailSchema } from "../../gen/livellm/v1/error_pb.ts";

// Runs in the browser. The test calls it through `livellmClient`.

/** An event and when it came, in milliseconds since the call. */
export interface TimedEvent {
  readonly event: JsonObject;
  readonly atMs: number;
}

export interface BrowserFailure {
  readonly code: string;
  readonly message: string;
  readonly detail: JsonObject | undefined;
}

export interface BrowserClient {
  run(protocol: Protocol, url: string, text: string): Promise<string>;
  stream(protocol: Protocol, url: string, target: object, text: string): Promise<readonly TimedEvent[]>;
  /** Fails a call, and reads the failure. */
  fail(protocol: Protocol, url: string): Promise<BrowserFailure>;
}

export type Protocol = "connect" | "grpc-web";

const agent = (protocol: Protocol, url: string) => createClient(AgentService, transport(protocol, url));

/** The header makes the browser ask first whether it may send it: a preflight. */
function transport(protocol: Protocol, baseUrl: string): Transport {
  const withHeader = (input: string | URL | Request, init?: RequestInit) => {
    const headers = new Headers(init?.headers);
    headers.set("authorization", "Bearer of-the-page");
    return fetch(input, { ...init, headers });
  };
  return protocol === "connect"
    ? createConnectTransport({ baseUrl, fetch: withHeader })
    : createGrpcWebTransport({ baseUrl, fetch: withHeader });
}

const client: BrowserClient = {
  async run(protocol, url, text) {
    const route = { targets: [{ provider: "local", model: "echo" }] };
    return (await agent(protocol, url).run({ route, messages: [{ text }] })).text;
  },
  async stream(protocol, url, target, text) {
    const began = performance.now();
    const events: TimedEvent[] = [];
    for await (const message of agent(protocol, url).runStream({
      route: { targets: [target] },
      messages: [{ text }],
    })) {
      const event = toJson(RunStreamResponseSchema, message) as JsonObject;
      events.push({ event, atMs: performance.now() - began });
    }
    return events;
  },
  async fail(protocol, url) {
    try {
      await agent(protocol, url).run(create(RunRequestSchema));
    } catch (cause) {
      const error = ConnectError.from(cause);
      const [detail] = error.findDetails(ErrorDetailSchema);
      return {
        code: Code[error.code] ?? "",
        message: error.rawMessage,
        detail: detail && (toJson(ErrorDetailSchema, detail) as JsonObject),
      };
    }
    throw new Error("the call did not fail");
  },
};

Object.assign(globalThis, { livellmClient: client });
