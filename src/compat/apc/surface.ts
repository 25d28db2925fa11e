import { randomUUID } from "node:crypto";
import { AgentService } from "../../../gen/livellm/v1/agent_service_pb.ts";
import { LiveService } from "../../../gen/livellm/v1/live_service_pb.ts";
import { ModelsService } from "../../../gen/livellm/v1/models_service_pb.ts";
import { readJson } from "../body.ts";
import { callerOf, type Exchange } from "../exchange.ts";
import type { Caller } from "../gateway.ts";
import { httpErrorOf } from "../http-error.ts";
import { sendJson, sendStream } from "../respond.ts";
import { matchRoute, type Route } from "../route-table.ts";
import { readAs } from "../schema.ts";
import type { Surface, SurfaceOptions } from "../surface.ts";
import { addressOfClient } from "./client-address.ts";
import { type CompletionHead, chunksOf, completionFraming, completionOf, imagesIn } from "./completion.ts";
import { type CompletionRequest, completionBody, modelOf, runOf } from "./completion-request.ts";
import { serveGeminiLive } from "./gemini-live.ts";
import { imageCompletion, isImageModel } from "./images.ts";
import { listModels } from "./models.ts";

const prefix = "/api";

const welcome = {
  message: "AI Proxy Core, served by livellm",
  endpoints: {
    chat: "/api/chat/completions",
    models: "/api/models",
    gemini_live: "/api/gemini/ws",
    health: "/api/health",
  },
};

/** The unified interface over several providers. What is below `/api` is its own; `/` and `/health` too, where no other has them. */
export function createApc(options: SurfaceOptions): Surface {
  const otherPaths = options.surfaces.includes("chat") ? [] : ["/", "/health"];
  const routes = routesOf(options);
  return {
    find({ method, path }) {
      const own = path === prefix || path.startsWith(`${prefix}/`);
      const rest = own ? path.slice(prefix.length) || "/" : path;
      return own || otherPaths.includes(path) ? { match: matchRoute(routes, method, rest), path: rest } : undefined;
    },
    findSocket(path) {
      if (path.replace(/\/$/, "") !== `${prefix}/gemini/ws`) return undefined;
      return {
        rpc: LiveService.method.converse,
        serve: (client, caller) => serveGeminiLive(client, ofClient(caller, options), options),
      };
    },
  };
}

/** The caller at the address of the client itself. */
function ofClient(caller: Caller, { isTrustedProxy }: SurfaceOptions): Caller {
  return { ...caller, remoteAddress: addressOfClient(caller.headers, caller.remoteAddress, isTrustedProxy) };
}

function routesOf(options: SurfaceOptions): readonly Route[] {
  const { gateway } = options;
  const caller = (exchange: Exchange, face?: Caller["face"]): Caller => ofClient(callerOf(exchange, face), options);
  return [
    { method: "GET", path: "/", serve: ({ response }) => sendJson(response, 200, welcome) },
    { method: "GET", path: "/health", serve: ({ response }) => sendJson(response, 200, { status: "healthy" }) },
    {
      method: "GET",
      path: "/models",
      rpc: ModelsService.method.listModels,
      serve: async (exchange) => {
        const models = await listModels(gateway, exchange.query.get("provider") ?? "", caller(exchange));
        sendJson(exchange.response, 200, models);
      },
    },
    {
      method: "POST",
      path: "/chat/completions",
      rpc: AgentService.method.run,
      serve: (exchange) => complete(exchange, options, caller),
    },
  ];
}

type CallerFor = (exchange: Exchange, face?: Caller["face"]) => Caller;

async function complete(exchange: Exchange, options: SurfaceOptions, callerFor: CallerFor): Promise<void> {
  const { gateway, maxBodyBytes } = options;
  const request = readAs(completionBody, await readJson(exchange.request, maxBodyBytes), ["body"]);
  const head = headOf(request);
  if (request.stream && !isImageModel(request)) return streamed(exchange, { request, head, options, callerFor });
  const caller = callerFor(exchange);
  if (isImageModel(request)) {
    sendJson(exchange.response, 200, await imageCompletion(gateway, request, { head, caller }));
    return;
  }
  const answer = await gateway.unary(AgentService.method.run, runOf(request), caller);
  sendJson(exchange.response, 200, completionOf(head, answer, imagesIn(answer)));
}

interface Streamed {
  readonly request: CompletionRequest;
  readonly head: CompletionHead;
  readonly options: SurfaceOptions;
  readonly callerFor: CallerFor;
}

async function streamed(exchange: Exchange, { request, head, options, callerFor }: Streamed): Promise<void> {
  const { gateway, explainError } = options;
  const events = gateway.stream(AgentService.method.runStream, [runOf(request)], callerFor(exchange, "sse"));
  const framing = completionFraming((error) => {
    const { message, status } = httpErrorOf(error, exchange.requestId, explainError, exchange.signal);
    return { message, code: status };
  });
  await sendStream(exchange.response, chunksOf(head, events), framing);
}

function headOf(request: CompletionRequest): CompletionHead {
  return { id: `chatcmpl-${randomUUID()}`, created: Math.floor(Date.now() / 1000), model: modelOf(request) };
}
