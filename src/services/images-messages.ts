import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  GeneratedImageSchema,
  GenerateImageResponseSchema,
  GenerateImageStreamResponseSchema,
} from "../../gen/livellm/v1/images_service_pb.ts";
import type { MediaSchema } from "../../gen/livellm/v1/message_pb.ts";
import type { GeneratedImage, ImageBytes } from "../core/images.ts";
import { attemptToProto, routeResultToProto, usageToProto, warningToProto } from "../messages/route.ts";
import type { ImagesRunEvent } from "./images-run.ts";
import type { WholeImages } from "./images-whole.ts";

/** A whole answer; that of an edit has the same fields. */
export function wholeImagesToProto(whole: WholeImages) {
  return {
    images: whole.images.map(imageToProto),
    text: whole.text,
    usage: usageToProto(whole.usage),
    routeResult: routeResultToProto(whole.routeResult),
    warnings: whole.warnings.map(warningToProto),
  } satisfies MessageInitShape<typeof GenerateImageResponseSchema>;
}

type StreamEvent = MessageInitShape<typeof GenerateImageStreamResponseSchema>["event"];

/** One event as one message of the stream; those of an edit are the same. */
export function imagesEventToProto(event: ImagesRunEvent): StreamEvent {
  switch (event.type) {
    case "attempt-failed":
      return { case: "attemptFailed", value: attemptToProto(event.attempt) };
    case "started":
      return {
        case: "started",
        value: { routeResult: routeResultToProto(event.routeResult), warnings: event.warnings.map(warningToProto) },
      };
    case "partial-image": {
      const { imageIndex, partialIndex, image } = event;
      return { case: "partialImage", value: { imageIndex, partialIndex, media: mediaToProto(image) } };
    }
    case "image":
      return { case: "image", value: { imageIndex: event.imageIndex, image: imageToProto(event.image) } };
    case "heartbeat":
      return { case: "heartbeat", value: {} };
    case "finished":
      return {
        case: "finished",
        value: {
          text: event.text,
          usage: usageToProto(event.usage),
          routeResult: routeResultToProto(event.routeResult),
          warnings: event.warnings.map(warningToProto),
        },
      };
    default:
      return event satisfies never;
  }
}

function imageToProto(image: GeneratedImage): MessageInitShape<typeof GeneratedImageSchema> {
  return { media: mediaToProto(image), revisedPrompt: image.revisedPrompt ?? "", size: image.size ?? "" };
}

function mediaToProto({ data, mimeType }: ImageBytes): MessageInitShape<typeof MediaSchema> {
  return { source: { case: "data", value: data as Uint8Array<ArrayBuffer> }, mimeType };
}
