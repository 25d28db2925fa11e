import { pino } from "pino";
import { AudioService } from "../../gen/livellm/v1/audio_service_pb.ts";
import { createErrorExplainer } from "../../src/interceptors/explain-error.ts";
import { createInterceptors } from "../../src/interceptors/index.ts";
import { callOriginKey } from "../../src/transport/call-origin.ts";
import { createHttpHandler } from "../../src/transport/http-handler.ts";
import { type Listening, listen } from "../../src/transport/listener.ts";
import { createPlayground } from "../../src/transport/playground.ts";
import type { ServiceRoute } from "../../src/transport/service-route.ts";
import { createWebSocketFace } from "../../src/transport/web-socket.ts";
import { type Agent, echoRoutes, type Transcription } from "../transport/echo-services.ts";
import type { Audio } from "./tone-audio.ts";

export interface PlaygroundServerOptions {
  /** Where the page has been built. */
  readonly folder: string;
  readonly agent?: Partial<Agent>;
  readonly audio: Audio;
  readonly transcription: Transcription;
  readonly allowedOrigins?: readonly string[];
}

/** The gateway's transport with the page, and services of the test's own behind it. */
export async function startPlaygroundServer(options: PlaygroundServerOptions): Promise<Listening> {
  const logger = pino({ level: "silent" });
  const routes: readonly ServiceRoute[] = [
    ...echoRoutes(options.agent, options.transcription),
    { service: AudioService, implementation: options.audio },
  ];
  const explainError = createErrorExplainer(logger);
  const limits = { maxMessageBytes: 32 * 1024 * 1024, maxMediaBytes: 20 * 1024 * 1024 };
  const allowedOrigins = options.allowedOrigins ?? [];
  const interceptors = createInterceptors({ logger, explainError, originKey: callOriginKey, limits });
  const handler = createHttpHandler({ routes, interceptors, explainError, allowedOrigins, limits, logger });
  const face = createWebSocketFace({ dispatcher: handler.dispatcher, explainError, allowedOrigins, limits, logger });
  const playground = createPlayground(options.folder);
  return listen({
    port: 0,
    host: "127.0.0.1",
    handler: (request, response) => void (playground.serve(request, response) || handler.handle(request, response)),
    onUpgrade: face.onUpgrade,
  });
}
