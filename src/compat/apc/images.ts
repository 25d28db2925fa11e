import type { MessageInitShape } from "@bufbuild/protobuf";
import { FinishReason } from "../../../gen/livellm/v1/agent_pb.ts";
import { ImagesService } from "../../../gen/livellm/v1/images_service_pb.ts";
import type { MediaSchema } from "../../../gen/livellm/v1/message_pb.ts";
import type { Caller, Gateway } from "../gateway.ts";
import { type CompletionHead, completionOf, imageOf } from "./completion.ts";
import { type CompletionRequest, callerInfo, modelOf } from "./completion-request.ts";

type MediaInit = MessageInitShape<typeof MediaSchema>;

/** Models that make images and nothing else, and are not asked as chat. */
export function isImageModel(request: CompletionRequest): boolean {
  return /^([^/]+\/)?(dall-e|gpt-image|chatgpt-image|imagen)/i.test(modelOf(request));
}

const { generateImage, editImage } = ImagesService.method;

/** Makes an image of the last message's text, after its images where it has any. */
export async function imageCompletion(
  gateway: Gateway,
  request: CompletionRequest,
  about: { readonly head: CompletionHead; readonly caller: Caller },
): Promise<object> {
  const { content = [] } = request.messages.findLast(({ role }) => role === "user") ?? {};
  const texts = content.flatMap((part) => (part.content?.case === "text" ? [part.content.value] : []));
  const images = content.flatMap((part): MediaInit[] => (part.content?.case === "media" ? [part.content.value] : []));
  const asked = {
    route: { targets: [{ model: modelOf(request) }] },
    prompt: texts.join("\n"),
    caller: callerInfo(request),
  };
  const made =
    images.length > 0
      ? await gateway.unary(editImage, { ...asked, images }, about.caller)
      : await gateway.unary(generateImage, asked, about.caller);
  const media = made.images.flatMap((image) => (image.media ? [imageOf(image.media)] : []));
  const answer = { text: made.text, finishReason: FinishReason.STOP, usage: made.usage };
  return completionOf(about.head, answer, media);
}
