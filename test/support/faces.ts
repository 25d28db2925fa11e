import { fromJson, type JsonObject, type JsonValue, toJson } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { createParser } from "eventsource-parser";
import {
  AgentService,
  RunStreamRequestSchema,
  RunStreamResponseSchema,
} from "../../gen/livellm/v1/agent_service_pb.ts";
import { ErrorDetailSchema } from "../../gen/livellm/v1/error_pb.ts";

/** How a stream ended, in the words that all faces share. */
export interface StreamStatus {
  /** `ok`, or Connect's spelling of a gRPC code. */
  readonly code: string;
  readonly message: string;
  /** The ErrorDetail as JSON. */
  readonly detail: JsonObject | undefined;
}

export interface StreamOutcome {
  /** In their JSON form, heartbeats left out. */
  readonly events: readonly JsonObject[];
  readonly status: StreamStatus;
}

/** One framing of RunStream, through a client that knows it. */
export interface Face {
  readonly name: string;
  /** `onEvent` sees each event as it comes. */
  runStream(
    url: string,
    request: object,
    signal: AbortSignal,
    onEvent?: (event: JsonObject) => void,
  ): Promise<StreamOutcome>;
}

/** Every framing of a stream that the gateway has. */
export const faces: readonly Face[] = [
  rpcFace("grpc", (baseUrl) => createGrpcTransport({ baseUrl })),
  rpcFace("grpc-web", (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: "1.1" })),
  rpcFace("connect over HTTP/1.1", (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "1.1" })),
  rpcFace("connect over HTTP/2", (baseUrl) =>
    createConnectTransport({ baseUrl, httpVersion: "2", useBinaryFormat: true }),
  ),
  plainFace("sse", "text/event-stream", readServerSentEvents),
  plainFace("ndjson", "application/x-ndjson", readLines),
];

const path = "/livellm.v1.AgentService/RunStream";

function rpcFace(name: string, transport: (baseUrl: string) => Transport): Face {
  return {
    name,
    async runStream(url, request, signal, onEvent = () => undefined) {
      const client = createClient(AgentService, transport(url));
      const events: JsonObject[] = [];
      try {
        for await (const message of client.runStream(fromJson(RunStreamRequestSchema, request as JsonValue), {
          signal,
        })) {
          const event = toJson(RunStreamResponseSchema, message) as JsonObject;
          if (event.heartbeat !== undefined) continue;
          events.push(event);
          onEvent(event);
        }
        return { events, status: { code: "ok", message: "", detail: undefined } };
      } catch (error) {
        return { events, status: statusOf(ConnectError.from(error)) };
      }
    },
  };
}

function statusOf(error: ConnectError): StreamStatus {
  const [detail] = error.findDetails(ErrorDetailSchema);
  return {
    code: snakeCase(Code[error.code] ?? ""),
    message: error.rawMessage,
    detail: detail && (toJson(ErrorDetailSchema, detail) as JsonObject),
  };
}

function snakeCase(word: string): string {
  return word.replace(/(?<=[a-z])[A-Z]/g, (letter) => `_${letter}`).toLowerCase();
}

type Line = JsonObject;

function plainFace(name: string, accept: string, read: (body: AsyncIterable<string>) => AsyncIterable<Line>): Face {
  return {
    name,
    async runStream(url, request, signal, onEvent = () => undefined) {
      const response = await fetch(url + path, {
        method: "POST",
        headers: { "content-type": "application/json", accept },
        body: JSON.stringify(request),
        signal,
      });
      if (!response.ok) return { events: [], status: plainStatus((await response.json()) as JsonObject) };
      const events: JsonObject[] = [];
      for await (const line of read(textOf(response))) {
        if (line.status !== undefined) return { events, status: plainStatus(line.status as JsonObject) };
        if (line.heartbeat !== undefined) continue;
        events.push(line);
        onEvent(line);
      }
      throw new Error(`${name}: the body ended without a status after ${events.length} events`);
    },
  };
}

function plainStatus({ code, message, details }: JsonObject): StreamStatus {
  const ours = (Array.isArray(details) ? (details as JsonObject[]) : []).find(
    ({ type }) => type === "livellm.v1.ErrorDetail",
  );
  return { code: String(code), message: String(message ?? ""), detail: ours?.debug as JsonObject | undefined };
}

function textOf(response: Response): AsyncIterable<string> {
  if (!response.body) throw new Error("the answer has no body");
  return response.body.pipeThrough(new TextDecoderStream());
}

async function* readLines(body: AsyncIterable<string>): AsyncGenerator<Line> {
  let rest = "";
  for await (const text of body) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) yield JSON.parse(line) as Line;
  }
  if (rest !== "") throw new Error(`the last line is not ended: ${rest}`);
}

/** The record with the status comes as an event named `status`; every other event is a message. */
async function* readServerSentEvents(body: AsyncIterable<string>): AsyncGenerator<Line> {
  const ready: Line[] = [];
  const parser = createParser({
    onEvent: ({ event, data }) => {
      const line = JSON.parse(data) as Line;
      if ((event === "status") !== (line.status !== undefined))
        throw new Error(`not as it should be: ${event} ${data}`);
      ready.push(line);
    },
  });
  for await (const text of body) {
    parser.feed(text);
    yield* ready.splice(0);
  }
}

/** The deltas of text, joined. */
export function textOfEvents(events: readonly JsonObject[]): string {
  return events.map(({ textDelta }) => (textDelta as JsonObject | undefined)?.text ?? "").join("");
}

/** The names of the events, in order. */
export function namesOfEvents(events: readonly JsonObject[]): readonly string[] {
  return events.flatMap((event) => Object.keys(event));
}
