import { anyOf, choice, listOf, ref, string, whole } from "./openapi-notation.ts";
import { schemas } from "./openapi-schemas.ts";

const json = (schema: object) => ({ content: { "application/json": { schema } } });
const body = (schema: object, type = "application/json") => ({ required: true, content: { [type]: { schema } } });
const audio = { content: { "audio/*": {} }, headers: { "X-Sample-Rate": { schema: whole() } } };

const errors = {
  "400": { description: "The request cannot be served as it is.", ...json(ref("Error")) },
  "422": { description: "The body is not what it should be.", ...json(ref("ValidationError")) },
  default: { description: "A failure of this server or of a provider.", ...json(ref("Error")) },
};

/** One operation: what it does, what it takes, and what it answers. */
function operation(
  summary: string,
  { status = "200", ...answer }: { status?: string; content?: object; headers?: object },
  extra: object = {},
) {
  return { summary, responses: { [status]: { description: "Success", ...answer }, ...errors }, ...extra };
}

const agent = { requestBody: body(anyOf("AgentRequest", "AgentFallbackRequest")) };
const speech = { requestBody: body(anyOf("SpeakRequest", "AudioFallbackRequest")) };
const delta = { name: "delta", in: "query", schema: choice("1"), description: "1: each line holds what is new." };
const uid = { name: "uid", in: "path", required: true, schema: string };

/** OpenAPI 3.1 of livellm's HTTP routes. */
export const openApi = {
  openapi: "3.1.0",
  info: { title: "livellm", version: "1.8.9", description: "The HTTP routes of livellm's earlier proxy." },
  servers: [{ url: "/livellm" }],
  paths: {
    "/ping": { get: operation("Tells that the server is there", json(ref("Success"))) },
    "/providers/configs": {
      get: operation("Lists the provider configs, with masked keys", json(listOf(ref("Settings")))),
    },
    "/providers/config": {
      post: operation(
        "Adds or replaces a provider config",
        { status: "201", ...json(ref("Success")) },
        { requestBody: body(ref("Settings")) },
      ),
    },
    "/providers/config/{uid}": {
      delete: operation("Removes a provider config; 404 when there is none", json(ref("Success")), {
        parameters: [uid],
      }),
    },
    "/agent/run": { post: operation("Runs a model", json(ref("AgentResponse")), agent) },
    "/agent/run_stream": {
      post: operation(
        "Runs a model and streams the text so far, one line each time",
        { content: { "application/x-ndjson": { schema: ref("AgentResponse") } } },
        { ...agent, parameters: [delta] },
      ),
    },
    "/audio/speak": { post: operation("Speaks a text", audio, speech) },
    "/audio/speak_stream": { post: operation("Speaks a text, piece by piece", audio, speech) },
    "/audio/transcribe": {
      post: operation("Writes down a recording", json(ref("TranscribeResponse")), {
        requestBody: body(ref("TranscribeForm"), "multipart/form-data"),
      }),
    },
    "/audio/transcribe_json": {
      post: operation("Writes down a recording in base64", json(ref("TranscribeResponse")), {
        requestBody: body(anyOf("TranscribeRequest", "TranscribeFallbackRequest")),
      }),
    },
  },
  components: { schemas },
};
