// Servers without a vendor: Run answers a constant, TranscribeStream acknowledges every frame. The argument says which:
// `livellm` (the product's transport and interceptors), `connect` (stock connect-node), `grpc-js`, `http2` (bytes alone).
import http2 from "node:http2";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import grpc from "@grpc/grpc-js";
import protoLoader from "@grpc/proto-loader";
import { AgentService } from "../gen/livellm/v1/agent_service_pb.ts";
import { TranscriptionService } from "../gen/livellm/v1/transcription_service_pb.ts";
import { createErrorExplainer } from "../src/interceptors/explain-error.ts";
import { createInterceptors } from "../src/interceptors/index.ts";
import { createLogger } from "../src/telemetry/logger.ts";
import { callOriginKey } from "../src/transport/call-origin.ts";
import { createHttpHandler } from "../src/transport/http-handler.ts";
import { listen } from "../src/transport/listener.ts";
import { enveloped } from "./load-clients.ts";

const text = "The quick brown fox jumps.";
const ack = { event: { case: "segment" as const, value: { text: "4800" } } };

const agent = {
  run: () => ({ text }),
  async *runStream() {
    yield { event: { case: "textDelta" as const, value: { index: 0, text } } };
  },
};

const transcription = {
  async *transcribeStream(requests: AsyncIterable<object>) {
    for await (const _ of requests) yield ack;
  },
};

const servers: Readonly<Record<string, () => Promise<number>>> = {
  livellm: listenLivellm,
  connect: listenConnect,
  "grpc-js": listenGrpcJs,
  http2: listenHttp2,
};

const port = await servers[process.argv[2] ?? ""]?.();
process.stdout.write(`"http://127.0.0.1:${port}"\n`);

async function listenLivellm(): Promise<number> {
  const logger = createLogger("info");
  const explainError = createErrorExplainer(logger);
  const handler = createHttpHandler({
    routes: [
      { service: AgentService, implementation: agent },
      { service: TranscriptionService, implementation: transcription },
    ],
    interceptors: createInterceptors({
      logger,
      explainError,
      originKey: callOriginKey,
      limits: { maxMediaBytes: 1e7 },
    }),
    explainError,
    allowedOrigins: [],
    limits: { maxMessageBytes: 1e7 },
    logger,
  });
  return (await listen({ port: 0, host: "127.0.0.1", handler: handler.handle, onStream: handler.handleStream })).port;
}

function listenConnect(): Promise<number> {
  const handler = connectNodeAdapter({
    routes: (router) => router.service(AgentService, agent).service(TranscriptionService, transcription),
  });
  return listening(http2.createServer(handler));
}

function listening(server: http2.Http2Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", 4096, () => resolve((server.address() as AddressInfo).port));
  });
}

function listenGrpcJs(): Promise<number> {
  const root = path.resolve(import.meta.dirname, process.env.PROTO_ROOT ?? "../proto");
  const files = ["livellm/v1/agent_service.proto", "livellm/v1/transcription_service.proto"];
  const definition = protoLoader.loadSync(files, { includeDirs: [root] });
  const server = new grpc.Server();
  server.addService(serviceIn(definition, "livellm.v1.AgentService"), {
    run: (_: unknown, answer: grpc.sendUnaryData<object>) => answer(null, { text }),
  });
  server.addService(serviceIn(definition, "livellm.v1.TranscriptionService"), {
    transcribeStream(call: grpc.ServerDuplexStream<object, object>) {
      call.on("data", () => call.write({ segment: { text: "4800" } }));
      call.on("end", () => call.end());
      call.on("error", () => call.end());
    },
  });
  return new Promise((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
}

function serviceIn(definition: protoLoader.PackageDefinition, name: string): grpc.ServiceDefinition {
  return definition[name] as grpc.ServiceDefinition;
}

/** Parses nothing: the bound of what node's HTTP/2 can do. */
function listenHttp2(): Promise<number> {
  const answer = enveloped(Buffer.concat([Buffer.from([0x0a, text.length]), Buffer.from(text)]));
  const server = http2.createServer();
  server.on("stream", (stream) => {
    stream.respond({ ":status": 200, "content-type": "application/grpc+proto" }, { waitForTrailers: true });
    stream.once("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.on("error", () => undefined);
    stream.resume();
    stream.end(answer);
  });
  return listening(server);
}
