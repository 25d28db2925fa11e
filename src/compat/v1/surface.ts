import { AgentService } from "../../../gen/livellm/v1/agent_service_pb.ts";
import { AudioService } from "../../../gen/livellm/v1/audio_service_pb.ts";
import { brokenRecord, progressOf, usageOf } from "../agent-answer.ts";
import { formNames, readOutputFormat } from "../audio-form.ts";
import { readJson } from "../body.ts";
import { callerOf, type Exchange } from "../exchange.ts";
import { audioFile, readGenConfig } from "../form-fields.ts";
import { httpErrorOf } from "../http-error.ts";
import { readForm } from "../multipart.ts";
import { splitTranscriptionSettings, transcribeWhole } from "../recording.ts";
import { Rejected } from "../rejected.ts";
import { ndjson, sendJson, sendStream } from "../respond.ts";
import { matchRoute, type Route } from "../route-table.ts";
import { dictionary, object, optional, readAs, required, text, withDefault } from "../schema.ts";
import { sendAudio, sendAudioStream } from "../send-audio.ts";
import { type SpeechPlan, speakPieces, speakWhole, splitSpeechSettings } from "../speech.ts";
import type { Surface, SurfaceOptions } from "../surface.ts";
import { runByHeaders } from "./agent-run.ts";
import { bringsProvider, routeByHeaders } from "./inline-provider.ts";

/**
 * The proxy whose requests bring their provider in headers. It has the paths that livellm has without its prefix: with both on, a
 * request is this one's when it brings a provider, and so is `/ping`.
 */
export function createV1(options: SurfaceOptions): Surface {
  const routes = routesOf(options);
  const alone = !options.surfaces.includes("livellm");
  return {
    find({ method, path, request }) {
      const match = path === "/ping" || alone || bringsProvider(request) ? matchRoute(routes, method, path) : undefined;
      return match && { match, path };
    },
  };
}

function routesOf(options: SurfaceOptions): readonly Route[] {
  const { gateway, maxBodyBytes } = options;
  const json = ({ request }: Exchange) => readJson(request, maxBodyBytes);
  const speech = async (exchange: Exchange) => speechByHeaders(exchange, await json(exchange));
  return [
    { method: "GET", path: "/ping", serve: ({ response }) => sendJson(response, 200, { status: "ok" }) },
    { method: "POST", path: "/agent/run", rpc: AgentService.method.run, serve: (exchange) => run(exchange, options) },
    {
      method: "POST",
      path: "/agent/run_stream",
      rpc: AgentService.method.runStream,
      serve: (exchange) => runStream(exchange, options),
    },
    {
      method: "POST",
      path: "/audio/speak",
      rpc: AudioService.method.speak,
      serve: async (exchange) => {
        const plan = await speech(exchange);
        sendAudio(exchange.response, await speakWhole(gateway, plan, callerOf(exchange)));
      },
    },
    {
      method: "POST",
      path: "/audio/speak_stream",
      rpc: AudioService.method.speakStream,
      serve: async (exchange) => {
        const plan = await speech(exchange);
        await sendAudioStream(exchange.response, speakPieces(gateway, plan, callerOf(exchange)));
      },
    },
    {
      method: "POST",
      path: "/audio/transcribe",
      rpc: AudioService.method.transcribe,
      serve: (exchange) => transcribe(exchange, options),
    },
  ];
}

async function run(exchange: Exchange, { gateway, maxBodyBytes }: SurfaceOptions): Promise<void> {
  const request = runByHeaders(exchange.request, await readJson(exchange.request, maxBodyBytes));
  const { text: output, usage } = await gateway.unary(AgentService.method.run, request, callerOf(exchange));
  sendJson(exchange.response, 200, { output, usage: usageOf(usage) });
}

/** What is new in each line, and the usage in the last one. */
async function runStream(exchange: Exchange, { gateway, explainError, maxBodyBytes }: SurfaceOptions): Promise<void> {
  const { route, messages, config } = runByHeaders(exchange.request, await readJson(exchange.request, maxBodyBytes));
  const request = { route, messages, config };
  const progress = progressOf(gateway.stream(AgentService.method.runStream, [request], callerOf(exchange, "ndjson")));
  const framing = ndjson((error) => {
    const { message, status } = httpErrorOf(error, exchange.requestId, explainError, exchange.signal);
    return brokenRecord(message, status);
  });
  await sendStream(exchange.response, progress, {
    ...framing,
    item: ({ delta, usage, finished }) => framing.item({ output: delta, usage: finished ? usage : {} }),
  });
}

const speakRequest = object({
  model: required(text),
  text: required(text),
  voice: required(text),
  output_format: withDefault(text, () => "mp3"),
  gen_config: optional(dictionary),
});

function speechByHeaders({ request }: Exchange, body: unknown): SpeechPlan {
  const { model, text: words, voice, output_format, gen_config } = readAs(speakRequest, body, ["body"]);
  const form = readOutputFormat(output_format);
  if (!form) throw new Rejected(400, `Unknown output_format; the names are ${formNames}`);
  const settings = gen_config ?? {};
  const { options } = splitSpeechSettings(settings);
  return { route: routeByHeaders(request, { model, voice, options }), text: words, form, settings };
}

async function transcribe(exchange: Exchange, { gateway, maxBodyBytes }: SurfaceOptions): Promise<void> {
  const { fields, file } = await readForm(exchange.request, maxBodyBytes);
  const model = fields.model;
  const missing = [...(model ? [] : ["model"]), ...(file ? [] : ["file"])];
  if (!model || !file) {
    throw new Rejected(
      422,
      missing.map((name) => ({ type: "missing", loc: ["body", name], msg: "Field required", input: null })),
    );
  }
  const recording = audioFile(file);
  const settings = readGenConfig(fields.gen_config) ?? {};
  const route = routeByHeaders(exchange.request, { model, options: splitTranscriptionSettings(settings).options });
  const plan = { route, recording, language: fields.language, settings };
  sendJson(exchange.response, 200, await transcribeWhole(gateway, plan, callerOf(exchange)));
}
