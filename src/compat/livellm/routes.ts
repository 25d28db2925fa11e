import { AgentService } from "../../../gen/livellm/v1/agent_service_pb.ts";
import { AudioService } from "../../../gen/livellm/v1/audio_service_pb.ts";
import { ProvidersService } from "../../../gen/livellm/v1/providers_service_pb.ts";
import { brokenRecord } from "../agent-answer.ts";
import { readJson } from "../body.ts";
import { callerOf, type Exchange } from "../exchange.ts";
import { httpErrorOf } from "../http-error.ts";
import { readForm } from "../multipart.ts";
import { ndjson, sendBytes, sendJson, sendStream } from "../respond.ts";
import type { Route } from "../route-table.ts";
import { readAs } from "../schema.ts";
import { sendAudio, sendAudioStream } from "../send-audio.ts";
import type { SurfaceOptions } from "../surface.ts";
import { createActions } from "./actions.ts";
import { docsPage } from "./docs-page.ts";
import { openApi } from "./openapi.ts";
import { deleteConfig, listConfigs, putConfig, settings } from "./provider-config.ts";

const success = { success: true, message: "ok" };

/** livellm's HTTP routes. The paths stand below `/livellm` and without it. */
export function livellmRoutes(options: SurfaceOptions): readonly Route[] {
  const { gateway, explainError, maxBodyBytes } = options;
  const actions = createActions(gateway);
  const json = ({ request }: Exchange) => readJson(request, maxBodyBytes);
  const failure =
    ({ requestId, signal }: Exchange) =>
    (error: unknown) => {
      const { message, status } = httpErrorOf(error, requestId, explainError, signal);
      return brokenRecord(message, status);
    };
  return [
    { method: "GET", path: "/ping", serve: ({ response }) => sendJson(response, 200, success) },
    { method: "GET", path: "/openapi.json", serve: ({ response }) => sendJson(response, 200, openApi) },
    {
      method: "GET",
      path: "/docs",
      serve: ({ response }) => sendBytes(response, 200, "text/html; charset=utf-8", Buffer.from(docsPage)),
    },
    {
      method: "GET",
      path: "/providers/configs",
      rpc: ProvidersService.method.listProviders,
      serve: async (exchange) => sendJson(exchange.response, 200, await listConfigs(gateway, callerOf(exchange))),
    },
    {
      method: "POST",
      path: "/providers/config",
      rpc: ProvidersService.method.updateProvider,
      serve: async (exchange) => {
        await putConfig(gateway, readAs(settings, await json(exchange), ["body"]), callerOf(exchange));
        sendJson(exchange.response, 201, success);
      },
    },
    {
      method: "DELETE",
      path: "/providers/config/{uid}",
      rpc: ProvidersService.method.deleteProvider,
      serve: async (exchange) => {
        await deleteConfig(gateway, exchange.parameters.uid ?? "", callerOf(exchange));
        sendJson(exchange.response, 200, success);
      },
    },
    {
      method: "POST",
      path: "/agent/run",
      rpc: AgentService.method.run,
      serve: async (exchange) =>
        sendJson(exchange.response, 200, await actions.agentRun(await json(exchange), callerOf(exchange))),
    },
    {
      method: "POST",
      path: "/agent/run_stream",
      rpc: AgentService.method.runStream,
      serve: async (exchange) => {
        const deltas = exchange.query.get("delta") === "1";
        const answers = actions.agentStream(await json(exchange), callerOf(exchange, "ndjson"), deltas);
        await sendStream(exchange.response, answers, ndjson(failure(exchange)));
      },
    },
    {
      method: "POST",
      path: "/audio/speak",
      rpc: AudioService.method.speak,
      serve: async (exchange) =>
        sendAudio(exchange.response, await actions.speak(await json(exchange), callerOf(exchange))),
    },
    {
      method: "POST",
      path: "/audio/speak_stream",
      rpc: AudioService.method.speakStream,
      serve: async (exchange) =>
        sendAudioStream(exchange.response, actions.speakStream(await json(exchange), callerOf(exchange))),
    },
    {
      method: "POST",
      path: "/audio/transcribe",
      rpc: AudioService.method.transcribe,
      serve: async (exchange) => {
        const form = await readForm(exchange.request, maxBodyBytes);
        sendJson(exchange.response, 200, await actions.transcribeForm(form, callerOf(exchange)));
      },
    },
    {
      method: "POST",
      path: "/audio/transcribe_json",
      rpc: AudioService.method.transcribe,
      serve: async (exchange) =>
        sendJson(exchange.response, 200, await actions.transcribe(await json(exchange), callerOf(exchange))),
    },
  ];
}
