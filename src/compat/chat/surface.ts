import { Code, ConnectError } from "@connectrpc/connect";
import { AgentService } from "../../../gen/livellm/v1/agent_service_pb.ts";
import { ProvidersService } from "../../../gen/livellm/v1/providers_service_pb.ts";
import { readJson } from "../body.ts";
import { callerOf, type Exchange } from "../exchange.ts";
import { type HttpError, httpErrorOf } from "../http-error.ts";
import { Rejected } from "../rejected.ts";
import { sendBytes, sendJson, sendStream } from "../respond.ts";
import { matchRoute, type Route } from "../route-table.ts";
import { readAs } from "../schema.ts";
import type { Surface, SurfaceOptions } from "../surface.ts";
import { unknownProvider } from "../unknown-provider.ts";
import { chatFraming, piecesOf } from "./chat-events.ts";
import { chatBody, runFor } from "./chat-request.ts";
import { providerHealth, systemHealth, unknownHealth } from "./health.ts";
import { chatPage } from "./page.ts";
import { type ChatProvider, type ChatSettings, readChatSettings } from "./settings.ts";

/** The chat server: the client names a provider, the server chooses the model. */
export function createChat(options: SurfaceOptions): Surface {
  const routes = routesOf(options, readChatSettings(options.environment));
  return {
    find({ method, path }) {
      const match = matchRoute(routes, method, path);
      return match && { match, path };
    },
    errorBody,
  };
}

/** Both of this system's forms in one; what is wrong with a body, and what is not there, has FastAPI's alone. */
function errorBody({ status, detail, message }: HttpError, requestId: string): object {
  if (status === 404 || status === 422) return { detail };
  return { status: "error", code: status, message, request_id: requestId, timestamp: new Date().toISOString(), detail };
}

function routesOf(options: SurfaceOptions, settings: ChatSettings): readonly Route[] {
  return [
    {
      method: "POST",
      path: "/chat/{provider}",
      rpc: AgentService.method.runStream,
      serve: (exchange) => chat(exchange, options, settings),
    },
    { method: "GET", path: "/health", serve: ({ response }) => sendJson(response, 200, systemHealth) },
    { method: "GET", path: "/health/{provider}", serve: (exchange) => health(exchange, options, settings) },
    {
      method: "GET",
      path: "/sentry-debug",
      rpc: ProvidersService.method.listProviders,
      serve: (exchange) => failForAdministrators(exchange, options),
    },
    ...["/", "/docs", "/redoc"].map((path): Route => ({ method: "GET", path, serve: showPage })),
  ];
}

/** FastAPI has two more pages with what there is. */
function showPage({ response }: Exchange): void {
  sendBytes(response, 200, "text/html; charset=utf-8", Buffer.from(chatPage));
}

async function chat(exchange: Exchange, options: SurfaceOptions, settings: ChatSettings): Promise<void> {
  const { request, response, requestId, signal } = exchange;
  const { gateway, explainError, maxBodyBytes } = options;
  // The body is looked at first, as the old system does.
  const { messages } = readAs(chatBody(settings), await readJson(request, maxBodyBytes), ["body"]);
  const provider = providerNamed(exchange, settings);
  const events = gateway.stream(AgentService.method.runStream, [runFor(provider, messages)], callerOf(exchange, "sse"));
  const explain = (error: unknown) => httpErrorOf(error, requestId, explainError, signal).message;
  const framing = chatFraming(`${provider.name}-${Date.now()}`, explain, request.httpVersionMajor === 1);
  try {
    await sendStream(response, piecesOf(events), framing);
  } catch (error) {
    throw unknownProvider(error, [{ provider: provider.provider }]) ? notConfigured(provider) : error;
  }
}

/** The client has done nothing wrong: its provider is one that is served, and somebody has yet to bring its key. */
function notConfigured({ name, provider }: ChatProvider): Rejected {
  return new Rejected(503, `The provider ${name} is not configured: the server has no provider "${provider}"`);
}

function providerNamed({ parameters }: Exchange, { providers }: ChatSettings): ChatProvider {
  const provider = providers.find(({ name }) => name === parameters.provider);
  if (provider) return provider;
  const names = providers.map(({ name }) => name).join(", ");
  throw new Rejected(400, `Invalid provider. Supported providers are: ${names}`);
}

async function health(
  exchange: Exchange,
  { gateway, explainError }: SurfaceOptions,
  settings: ChatSettings,
): Promise<void> {
  const provider = providerNamed(exchange, settings);
  try {
    sendJson(exchange.response, 200, await providerHealth(gateway, provider, callerOf(exchange)));
  } catch (error) {
    // Who may not ask is told so; anything else is the provider's state.
    const refused = error instanceof ConnectError && [Code.Unauthenticated, Code.PermissionDenied].includes(error.code);
    if (refused) throw error;
    const { message } = httpErrorOf(error, exchange.requestId, explainError, exchange.signal);
    sendJson(exchange.response, 200, unknownHealth(provider, message));
  }
}

/** Fails on purpose, so that an administrator sees what becomes of a failure. Everybody else is refused by the call before. */
async function failForAdministrators(exchange: Exchange, { gateway }: SurfaceOptions): Promise<void> {
  await gateway.unary(ProvidersService.method.listProviders, { pageSize: 1 }, callerOf(exchange));
  throw new Error("a failure that an administrator has asked for");
}
