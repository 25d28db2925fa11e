import { pino } from "pino";
import { createErrorExplainer } from "../../src/interceptors/explain-error.ts";
import { createInterceptors } from "../../src/interceptors/index.ts";
import { callOriginKey } from "../../src/transport/call-origin.ts";
import { createHealth } from "../../src/transport/health.ts";
import { createHttpHandler } from "../../src/transport/http-handler.ts";
import { type Listening, type ListenOptions, listen } from "../../src/transport/listener.ts";
import { createReflectionRoutes } from "../../src/transport/reflection.ts";
import { type Agent, echoRoutes, type Transcription } from "./echo-services.ts";

export interface TestServer extends Listening {
  /** What was logged, one object a line. */
  readonly log: Record<string, unknown>[];
  /** Health turns NOT_SERVING, and new calls are refused. */
  drain(): void;
}

export interface TestServerOptions {
  readonly agent?: Partial<Agent>;
  readonly transcription?: Transcription;
  readonly allowedOrigins?: readonly string[];
  readonly maxMessageBytes?: number;
  readonly listen?: Partial<ListenOptions>;
  /** Off leaves everything to connect-node. */
  readonly hotPath?: boolean;
}

/** The whole transport on a free port, with the interceptors of the product and services that echo. */
export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const log: Record<string, unknown>[] = [];
  const logger = pino({ level: "debug" }, { write: (line: string) => log.push(JSON.parse(line)) });
  const routes = echoRoutes(options.agent, options.transcription);
  const health = createHealth(routes.map(({ service }) => service.typeName));
  const all = [...routes, health.route];
  const explainError = createErrorExplainer(logger);
  const handler = createHttpHandler({
    routes: [...all, ...createReflectionRoutes(all.map(({ service }) => service))],
    interceptors: createInterceptors({
      logger,
      explainError,
      originKey: callOriginKey,
      limits: { maxMediaBytes: 1024 * 1024 },
    }),
    explainError,
    allowedOrigins: options.allowedOrigins ?? [],
    limits: { maxMessageBytes: options.maxMessageBytes ?? 4 * 1024 * 1024 },
    hotPath: options.hotPath ?? true,
    logger,
  });
  const listening = await listen({
    port: 0,
    host: "127.0.0.1",
    handler: handler.handle,
    onStream: handler.handleStream,
    endCalls: handler.endCalls,
    maySendStream: handler.maySendStream,
    ...options.listen,
  });
  return {
    ...listening,
    log,
    drain() {
      health.drain();
      handler.drain();
    },
  };
}

/** A request that breaks no rule. */
export function requestOf(text: string) {
  return { route: { targets: [{ provider: "local", model: "echo" }] }, messages: [{ text }] };
}

export const runPath = "/livellm.v1.AgentService/Run";
export const runStreamPath = "/livellm.v1.AgentService/RunStream";

/** A plain HTTP call. */
export function post(
  url: string,
  body: unknown,
  headers: Record<string, string> = {},
  signal?: AbortSignal,
): Promise<Response> {
  return fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
    ...(signal && { signal }),
  });
}

/** What plain HTTP answers: a message, or Connect's error object. */
export interface Answer {
  readonly text?: string;
  readonly code: string;
  readonly message: string;
  readonly details: readonly {
    readonly type: string;
    readonly value: string;
    readonly debug: {
      readonly reason: string;
      readonly requestId: string;
      readonly fieldViolations: readonly {
        readonly field: string;
        readonly description: string;
        readonly reason: string;
      }[];
    };
  }[];
}

export async function answerOf(response: Response | Promise<Response>): Promise<Answer> {
  return (await (await response).json()) as Answer;
}

/** Waits until something is true, looking again and again; fails when it takes too long. */
export async function until(condition: () => boolean, withinMs = 5_000): Promise<void> {
  const endMs = performance.now() + withinMs;
  while (!condition()) {
    if (performance.now() > endMs) throw new Error(`not true within ${withinMs} ms`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
