import type { ImageEvent, ImageRequest, Images } from "../../core/images.ts";
import type { ProviderConnection } from "../../core/provider.ts";
import type { Upstream, UpstreamHead, UpstreamRequest } from "../../core/upstream.ts";
import type { Dialect } from "./dialect.ts";
import { chatUrl, requestHeaders, requestIdOf } from "./endpoint.ts";
import { explainOpenAIError } from "./error.ts";
import { type ImageAnswer, readImageEvents, readImages } from "./images-answer.ts";
import { type ImageModel, imageModel, otherOpenAIModel } from "./images-models.ts";
import { type ImageCall, toImageCall } from "./images-request.ts";

export interface ImagesSetup {
  readonly connection: ProviderConnection;
  readonly dialect: Dialect;
  /** What is known of a model that no name tells; that it is anybody's when unset. */
  readonly otherwise?: ImageModel;
}

/** Images over `POST /images/generations` and `POST /images/edits`. */
export function createImages(setup: ImagesSetup, upstream: Upstream): Images {
  return {
    async *stream(request, signal) {
      const call = toImageCall(request, traitsOf(request.model, setup));
      const post = toPost(call, request, setup);
      if (call.streams) {
        const answer = await upstream.events(post, signal);
        yield begin(request, call, answer);
        yield* readImageEvents(answer.events, toAnswer({ request, call, setup, upstream }, answer, signal));
      } else {
        const answer = await upstream.json(post, signal);
        yield begin(request, call, answer);
        yield* readImages(answer.value, toAnswer({ request, call, setup, upstream }, answer, signal));
      }
    },
  };
}

/** A deployment may have any name, and is a model of OpenAI's all the same. */
function traitsOf(model: string, { dialect, otherwise }: ImagesSetup) {
  const unnamed = otherwise ?? (dialect.deployments && otherOpenAIModel);
  return { model: imageModel(model, unnamed), userParameter: dialect.userParameter };
}

function toPost(call: ImageCall, { model, requestId }: ImageRequest, setup: ImagesSetup): UpstreamRequest {
  const { connection, dialect } = setup;
  return {
    url: chatUrl(connection, dialect, model).replace("/chat/completions", `/images/${call.path}`),
    headers: { ...requestHeaders(connection, dialect, requestId), "content-type": call.contentType },
    body: call.body,
    explain: explainOpenAIError,
  };
}

function begin({ model }: ImageRequest, { warnings }: ImageCall, answer: UpstreamHead): ImageEvent {
  return { type: "response", model, requestId: requestIdOf(answer), warnings };
}

interface Asked {
  readonly request: ImageRequest;
  readonly call: ImageCall;
  readonly setup: ImagesSetup;
  readonly upstream: Upstream;
}

/** The largest image that is fetched, and how long that may take. */
const limits = { mimeTypePrefix: "image/", maxBytes: 32 * 1024 * 1024, timeoutMs: 60_000 };

function toAnswer({ request, call, setup, upstream }: Asked, answer: UpstreamHead, signal: AbortSignal): ImageAnswer {
  const providerUrl = setup.connection.baseUrl;
  return {
    count: call.count,
    mimeType: request.config.mimeType,
    requestId: requestIdOf(answer),
    fetchImage: (url) => upstream.download(url, { ...limits, providerUrl }, signal),
  };
}
