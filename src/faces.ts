import type { Interceptor, Transport } from "@connectrpc/connect";
import type { Gatekeeper } from "./access/gatekeeper.ts";
import { createCompatSurfaces } from "./compat/surfaces.ts";
import type { Config } from "./config.ts";
import { createAdmission } from "./interceptors/auth.ts";
import type { ExplainError } from "./interceptors/explain-error.ts";
import { proxyCheck } from "./requests-guard.ts";
import type { Logger } from "./telemetry/logger.ts";
import { prometheusMediaType } from "./telemetry/prometheus-text.ts";
import { observeCertificate } from "./telemetry/state-meters.ts";
import type { Telemetry } from "./telemetry/telemetry.ts";
import { createHostCheck } from "./transport/host-check.ts";
import { createHttpHandler } from "./transport/http-handler.ts";
import { createInProcess } from "./transport/in-process.ts";
import { type AcceptedConnections, type Listening, listen } from "./transport/listener.ts";
import { createMessageSockets } from "./transport/message-socket.ts";
import { createMetricsPage } from "./transport/metrics-page.ts";
import { createPlayground } from "./transport/playground.ts";
import type { ServiceRoute } from "./transport/service-route.ts";
import { createTlsAcceptor } from "./transport/tls.ts";
import { createWebSocketFace } from "./transport/web-socket.ts";

export interface FacesOptions {
  readonly config: Config;
  readonly logger: Logger;
  readonly routes: readonly ServiceRoute[];
  readonly interceptors: readonly Interceptor[];
  readonly explainError: ExplainError;
  readonly gatekeeper: Gatekeeper;
  /** Whether whoever is on this machine, and nobody else, may do everything without a token, now. */
  readonly servesThisMachine: () => boolean;
  readonly telemetry: Telemetry;
  /** What `/metrics` shows. */
  readonly renderMetrics: () => Promise<string>;
  /** Serves these connections in place of a port of its own. */
  readonly accepted?: AcceptedConnections;
}

/** All that clients can reach the services by. */
export interface Faces {
  /** For clients in this process. */
  readonly transport: Transport;
  listen(): Promise<Listening>;
  /** Refuses new calls. */
  drain(): void;
  /** Lets calls under way finish within the grace period, and ends all connections. */
  close(): Promise<void>;
}

/** One set of handlers and interceptors in front of which every protocol, page and older surface is a translator. */
export async function createFaces(options: FacesOptions): Promise<Faces> {
  const { config, logger, routes, interceptors, explainError, gatekeeper, telemetry } = options;
  const limits = { maxMessageBytes: config.maxRequestBytes };
  const common = { explainError, allowedOrigins: config.corsOrigins, limits, logger };
  const admit = createAdmission(gatekeeper, { logger, refused: telemetry.refused });
  const handler = createHttpHandler({ ...common, routes, interceptors, admit, hotPath: config.hotPath });
  const { dispatcher } = handler;
  // It logs whom it does not let in by itself.
  const admitSocket = createAdmission(gatekeeper, { refused: telemetry.refused });
  const webSocket = createWebSocketFace({ ...common, dispatcher, admit: admitSocket });
  const compat = createCompatSurfaces({
    surfaces: config.surfaces,
    dispatcher,
    explainError,
    allowedOrigins: config.corsOrigins,
    maxBodyBytes: config.maxRequestBytes,
    acceptSocket: createMessageSockets({ allowedOrigins: config.corsOrigins, ...limits }),
    admit,
    environment: config.compatEnvironment,
    isTrustedProxy: proxyCheck(config.trustedProxies),
    liveModels: config.apcLiveModels,
  });
  const inProcess = createInProcess(dispatcher, explainError);
  const playground = createPlayground();
  const metrics = createMetricsPage({
    render: options.renderMetrics,
    mediaType: prometheusMediaType,
    admit: gatekeeper.admitToMetrics,
    explainError,
  });
  const hosts = createHostCheck({ servesThisMachine: options.servesThisMachine, explainError });
  const tls = config.tls && (await createTlsAcceptor({ files: config.tls, logger }));
  observeCertificate(telemetry.metrics, () => tls?.endsAt());
  let listening: Listening | undefined;
  return {
    transport: inProcess.transport,
    async listen() {
      listening = await listen({
        port: config.port,
        host: config.host,
        handler: (request, response) =>
          void (
            hosts.refuses(request, response) ||
            handler.handleCall(request, response) || // before the others: nearly every request is one
            playground.serve(request, response) ||
            metrics.serve(request, response) ||
            compat.handle(request, response) ||
            handler.handle(request, response)
          ),
        onStream: handler.handleStream,
        maySendStream: handler.maySendStream,
        onUpgrade: (request, socket, head) =>
          void (
            hosts.refusesHandshake(request) ||
            compat.onUpgrade(request, socket, head) ||
            webSocket.onUpgrade(request, socket, head)
          ),
        endCalls: handler.endCalls,
        ...config.connectionLimits,
        ...(options.accepted && { accepted: options.accepted }),
        ...(tls && { tls }),
      });
      return listening;
    },
    drain() {
      for (const face of [handler, webSocket, inProcess, compat]) face.drain();
    },
    async close() {
      await listening?.close(config.shutdownGraceMs);
      tls?.close();
    },
  };
}
