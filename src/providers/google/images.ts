import type { GenerateContentResponse } from "@google/genai";
import { LivellmError } from "../../core/error.ts";
import type { ImageEvent, Images } from "../../core/images.ts";
import { isJsonObject, type JsonObject } from "../../core/json.ts";
import type { ProviderConnection } from "../../core/provider.ts";
import type { Warning } from "../../core/route.ts";
import type { Upstream } from "../../core/upstream.ts";
import { brokenStream, unreadableAnswer } from "../openai-compatible/broken-stream.ts";
import { imageTypeOf } from "../openai-compatible/images-type.ts";
import { object, objects, text, type Unchecked } from "../openai-compatible/json-fields.ts";
import { firstCandidate, refuse } from "./candidates.ts";
import { explainGoogleError } from "./error.ts";
import { toFinishReason } from "./finish-reason.ts";
import { streamPost, unaryPost } from "./generate-content.ts";
import { toImageRequest } from "./images-request.ts";
import { toMedia } from "./media-parts.ts";
import { readStreamBody } from "./stream-body.ts";
import { readUsage } from "./usage.ts";

/** Images over `generateContent`, of Gemini's models that draw; edits are prompts with images in them. */
export function createImages(connection: ProviderConnection, upstream: Upstream): Images {
  return {
    async *stream(request, signal) {
      const { body, warnings } = toImageRequest(request);
      const call = { model: request.model, body };
      const seen = newSeen(warnings);
      if (request.stream) {
        const post = streamPost(connection, call);
        const { bytes } = await upstream.bytes({ ...post, explain: explainGoogleError }, signal);
        for await (const chunk of readStreamBody(bytes, () => seen.finishWord !== "")) yield* readChunk(seen, chunk);
      } else {
        const post = unaryPost(connection, call);
        const { value } = await upstream.json({ ...post, explain: explainGoogleError }, signal);
        yield* readChunk(seen, value);
      }
      yield finish(seen);
    },
  };
}

/** An answer as far as it has been read. */
interface Seen {
  readonly warnings: readonly Warning[];
  began: boolean;
  requestId: string;
  finishWord: string;
  images: number;
  text: string;
  usage: unknown;
}

function newSeen(warnings: readonly Warning[]): Seen {
  return { warnings, began: false, requestId: "", finishWord: "", images: 0, text: "", usage: undefined };
}

function* readChunk(seen: Seen, value: unknown): Generator<ImageEvent> {
  refuse(value, seen.requestId);
  if (!isJsonObject(value)) throw unreadableAnswer("an answer that is not a JSON object");
  const chunk = value as Unchecked<GenerateContentResponse>;
  seen.requestId ||= text(chunk.responseId);
  seen.usage = chunk.usageMetadata ?? seen.usage;
  if (!seen.began) yield begin(seen, text(chunk.modelVersion));
  const candidate = firstCandidate(chunk);
  seen.finishWord = text(candidate.finishReason) || seen.finishWord;
  for (const part of objects(object(candidate.content).parts)) yield* readPart(seen, part);
}

function begin(seen: Seen, model: string): ImageEvent {
  const { requestId, warnings } = seen;
  seen.began = true;
  return { type: "response", ...(model && { model }), ...(requestId && { requestId }), warnings };
}

/** What the model thinks, in words and in drafts, is not its answer. */
function* readPart(seen: Seen, part: JsonObject): Generator<ImageEvent> {
  if (part.thought === true) return;
  seen.text += text(part.text);
  const { data, mimeType } = toMedia(part);
  if (!data || data.length === 0) return;
  seen.images++;
  yield { type: "image", image: { data, mimeType: mimeType || imageTypeOf(data) || "image/png" } };
}

/** A candidate with a `finishReason` is the end of it, and without any image the reason why there is none. */
function finish(seen: Seen): ImageEvent {
  const { finishWord, images, requestId } = seen;
  if (finishWord === "") throw brokenStream("a finishReason", requestId || undefined);
  if (images === 0) throw withoutImage(seen);
  const usage = { ...readUsage(seen.usage), outputImages: images };
  return { type: "finished", usage, ...(seen.text && { text: seen.text }) };
}

function withoutImage({ finishWord, requestId, text: said }: Seen): LivellmError {
  const facts = { providerCode: finishWord, ...(requestId && { providerRequestId: requestId }) };
  if (toFinishReason(finishWord, false) === "content_filter") {
    const message = `the provider blocked the image: ${finishWord}`;
    return new LivellmError("invalid_argument", "content_blocked", message, facts);
  }
  const instead = said ? "answered with words and no image: ask in the prompt for an image" : "made no image";
  return new LivellmError("internal", "bad_provider_response", `the provider ${instead} (${finishWord})`, facts);
}
