import type {
  ImageGenCompletedEvent,
  ImageGenPartialImageEvent,
  ImagesResponse,
  Image as WireImage,
} from "openai/resources/images";
import type { GeneratedImage, ImageBytes, ImageEvent } from "../../core/images.ts";
import { isJsonObject, type JsonObject } from "../../core/json.ts";
import type { ServerSentEvent } from "../../core/upstream.ts";
import { addUsage, type Usage } from "../../core/usage.ts";
import { brokenStream, unreadableAnswer } from "./broken-stream.ts";
import { parseJson } from "./chat-wire.ts";
import { errorOf, streamError } from "./error.ts";
import { imageTypeOf } from "./images-type.ts";
import { count, object, objects, text, type Unchecked } from "./json-fields.ts";
import { fromUrl } from "./media.ts";
import { present } from "./usage.ts";

/** What reading an answer needs to know of its request. */
export interface ImageAnswer {
  /** How many images there will be. */
  readonly count: number;
  /** The type that was asked for; empty when none was. */
  readonly mimeType: string;
  readonly requestId?: string;
  /** Gets an image that the answer names by its address. */
  fetchImage(url: string): Promise<ImageBytes>;
}

/** Reads a whole answer: its images one by one, then what they cost. */
export async function* readImages(value: unknown, answer: ImageAnswer): AsyncGenerator<ImageEvent> {
  if (!isJsonObject(value)) throw unreadableAnswer("an answer that is not a JSON object");
  if (value.error) throw streamError(errorOf(value), answer.requestId);
  const { data, output_format, size, usage } = value as Unchecked<ImagesResponse>;
  let made = 0;
  for (const entry of objects(data)) {
    const image = await readImage(entry, { ...answer, mimeType: typeOfFormat(output_format) || answer.mimeType });
    if (!image) continue;
    made++;
    yield { type: "image", image: { ...image, ...sizeOf(size) } };
  }
  if (made === 0) throw unreadableAnswer("no image");
  yield { type: "finished", usage: { ...readImageUsage(usage), outputImages: made } };
}

async function readImage(entry: JsonObject, answer: ImageAnswer): Promise<GeneratedImage | undefined> {
  const { b64_json, url, revised_prompt } = entry as Unchecked<WireImage>;
  const image = text(b64_json) ? decode(text(b64_json), answer.mimeType) : await readAddress(text(url), answer);
  if (!image || image.data.length === 0) return undefined;
  return { ...image, ...(text(revised_prompt) && { revisedPrompt: text(revised_prompt) }) };
}

async function readAddress(url: string, answer: ImageAnswer): Promise<ImageBytes | undefined> {
  if (url === "") return undefined;
  const { data, mimeType } = fromUrl(url);
  const image = data ? { data, mimeType } : await answer.fetchImage(url);
  return { data: image.data, mimeType: imageTypeOf(image.data) ?? image.mimeType };
}

/** What an image is, its first bytes know best. */
function decode(base64: string, mimeType: string): ImageBytes {
  const data = Buffer.from(base64, "base64");
  return { data, mimeType: imageTypeOf(data) ?? (mimeType || "image/png") };
}

/**
 * Reads a stream: `image_generation.…` or `image_edit.…`. It ends with the last image's `completed`; a body that ends before
 * that is `stream_broken`.
 */
export async function* readImageEvents(
  events: AsyncIterable<ServerSentEvent>,
  answer: ImageAnswer,
): AsyncGenerator<ImageEvent> {
  let usage: Usage = {};
  let made = 0;
  for await (const { data } of events) {
    if (data === "[DONE]") continue;
    const value = parseJson(data);
    const event = readEvent(value, answer);
    if (event) yield event;
    if (event?.type !== "image") continue;
    usage = addUsage(usage, readImageUsage(value.usage));
    made++;
    if (made < answer.count) continue;
    yield { type: "finished", usage: { ...usage, outputImages: made } };
    return;
  }
  throw brokenStream("image_generation.completed", answer.requestId);
}

type AnyEvent = Unchecked<ImageGenPartialImageEvent> & Unchecked<ImageGenCompletedEvent>;

function readEvent(value: JsonObject, answer: ImageAnswer): ImageEvent | undefined {
  const { b64_json, output_format, partial_image_index, size } = value as AnyEvent;
  switch (text(value.type).replace(/^image_(generation|edit)\./, "")) {
    case "partial_image": {
      const image = decode(text(b64_json), typeOfFormat(output_format) || answer.mimeType);
      return { type: "partial-image", partialIndex: count(partial_image_index) ?? 0, image };
    }
    case "completed": {
      const image = decode(text(b64_json), typeOfFormat(output_format) || answer.mimeType);
      if (image.data.length === 0) throw unreadableAnswer("no image");
      return { type: "image", image: { ...image, ...sizeOf(size) } };
    }
    default:
      if (value.type === "error" || value.error) throw streamError(errorOf(value), answer.requestId);
      return undefined;
  }
}

/** `svg` → `image/svg+xml`. */
function typeOfFormat(format: unknown): string {
  const word = text(format);
  return word && `image/${word === "svg" ? "svg+xml" : word}`;
}

/** `auto` is no size. */
function sizeOf(size: unknown): { readonly size?: string } {
  return /^\d+x\d+$/.test(text(size)) ? { size: text(size) } : {};
}

function readImageUsage(value: unknown): Usage {
  if (!isJsonObject(value)) return {};
  const { input_tokens, output_tokens, input_tokens_details } = value as Unchecked<ImagesResponse.Usage>;
  return present({
    inputTokens: count(input_tokens),
    outputTokens: count(output_tokens),
    cachedInputTokens: count(object(input_tokens_details).cached_tokens),
    providerUsage: value,
  });
}
