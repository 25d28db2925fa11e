import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import type {
  EditImageRequest,
  EditImageStreamRequest,
  GenerateImageRequest,
  GenerateImageStreamRequest,
  ImagesService,
} from "../../gen/livellm/v1/images_service_pb.ts";
import type { Resolver } from "../routing/resolver.ts";
import { withHeartbeat } from "../streams/heartbeat.ts";
import { askedRoute } from "./asked-route.ts";
import { imagesEventToProto, wholeImagesToProto } from "./images-messages.ts";
import { askedImagesFromProto } from "./images-request.ts";
import { type ImagesRunEvent, runImages } from "./images-run.ts";
import { makeWhole } from "./images-whole.ts";

export interface ImagesServiceOptions {
  readonly resolver: Resolver;
  /** How long a stream may be silent before it says that it is alive. */
  readonly heartbeatIntervalMs: number;
  /** The largest image in a `data:` URI. */
  readonly maxMediaBytes: number;
}

/** ImagesService: check, convert in, call, convert out. */
export function createImagesService(options: ImagesServiceOptions): ServiceImpl<typeof ImagesService> {
  return {
    generateImage: (request, context) => whole(request, context, options),
    generateImageStream: (request, context) => stream(request, context, options),
    editImage: (request, context) => whole(request, context, options),
    editImageStream: (request, context) => stream(request, context, options),
  };
}

async function whole(
  request: GenerateImageRequest | EditImageRequest,
  { signal, values }: HandlerContext,
  { resolver, maxMediaBytes }: ImagesServiceOptions,
) {
  const asked = askedImagesFromProto(request, maxMediaBytes);
  using plan = await resolver.plan(askedRoute(request.route, values), "images", signal);
  return wholeImagesToProto(await makeWhole({ plan, request: asked }, signal));
}

const beat = (): ImagesRunEvent => ({ type: "heartbeat" });

async function* stream(
  request: GenerateImageStreamRequest | EditImageStreamRequest,
  { signal, values }: HandlerContext,
  { resolver, heartbeatIntervalMs, maxMediaBytes }: ImagesServiceOptions,
) {
  const asked = askedImagesFromProto(request, maxMediaBytes);
  using plan = await resolver.plan(askedRoute(request.route, values), "images", signal);
  const events = runImages({ plan, request: asked }, signal);
  for await (const event of withHeartbeat(events, heartbeatIntervalMs, beat)) {
    yield { event: imagesEventToProto(event) };
  }
}
