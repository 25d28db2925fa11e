import type { ImageEditParams, ImageGenerateParams } from "openai/resources/images";
import type { Media } from "../../core/chat.ts";
import type { ImageConfig, ImageRequest } from "../../core/images.ts";
import type { Warning } from "../../core/route.ts";
import { writeImageForm } from "./images-form.ts";
import type { ImageModel } from "./images-models.ts";
import { takenNumber, takenQuality, takenWord } from "./images-option.ts";
import { toPixels } from "./images-size.ts";
import { writeJson } from "./json-text.ts";
import { type Notes, newNotes } from "./notes.ts";
import { mergeOptions, refuseReservedOptions } from "./options.ts";
import type { FormFile } from "./transcription-form.ts";
import { unsupported } from "./unsupported.ts";

/** A call of `POST /images/generations` or `/images/edits`. */
export interface ImageCall {
  readonly path: "generations" | "edits";
  readonly contentType: string;
  readonly body: string | Uint8Array;
  /** Whether it answers with events. */
  readonly streams: boolean;
  /** How many images it will give. */
  readonly count: number;
  readonly warnings: readonly Warning[];
}

/** How one model of one server is called. */
export interface ImageTraits {
  readonly model: ImageModel;
  /** The field for the end user's id. */
  readonly userParameter?: string;
}

/** What the server sets itself. */
const reserved = ["model", "prompt", "image", "mask", "n", "stream", "partial_images", "output_format"];

/**
 * A request to make images, or to change some: JSON in the one case, a form in the other. Throws `failed_precondition` for
 * what the model does not take, saying what it does.
 */
export function toImageCall(request: ImageRequest, traits: ImageTraits, boundary?: string): ImageCall {
  refuseReservedOptions(request.options, reserved);
  const notes = newNotes();
  const edits = request.images.length > 0;
  const streams = canStream(request, traits.model);
  const count = takenNumber({ field: "config.count", value: request.config.count, most: traits.model.maxCount }, notes);
  const fields = { ...toFields(request, traits, notes), ...toCount(count), ...toStreaming(request, traits, notes) };
  const body = mergeOptions(fields, request.options);
  const call = { streams, count, warnings: notes.warnings };
  if (!edits) return { path: "generations", contentType: "application/json", body: writeJson(body), ...call };
  return { path: "edits", ...writeImageForm(body, toFiles(request), boundary), ...call };
}

type WireFields = Partial<Omit<ImageGenerateParams & ImageEditParams, "stream" | "image" | "mask">>;

function toFields(request: ImageRequest, { model: taken, userParameter }: ImageTraits, notes: Notes) {
  const { model, prompt, config, userId } = request;
  const word = (name: string, value: string | undefined, words: readonly string[] | undefined) =>
    takenWord({ model, field: `config.${name}`, value, taken: words }, notes);
  if (config.resolution) notes.ignored("config.resolution");
  const fields = {
    size: toPixels(config, model, taken.sizes),
    quality: takenQuality(config, { model, taken: taken.qualities }, notes),
    background: word("background", config.background, taken.backgrounds),
    output_format: toFormat(word("mimeType", config.mimeType, taken.mimeTypes)),
    output_compression: toCompression(config, notes),
    style: word("style", config.style, taken.styles),
    input_fidelity: toFidelity(request, taken, notes),
    response_format: taken.choosesForm ? "b64_json" : undefined,
    ...(userParameter && userId && { [userParameter]: userId }),
  } as WireFields;
  return { model, prompt, ...Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) };
}

/** `image/svg+xml` → `svg`. */
function toFormat(mimeType: string | undefined): string | undefined {
  return mimeType?.replace(/^image\//, "").replace(/\+xml$/, "");
}

function toCompression({ compression, mimeType }: ImageConfig, notes: Notes): number | undefined {
  if (compression === undefined || mimeType === "image/jpeg" || mimeType === "image/webp") return compression;
  notes.ignored("config.compression");
  return undefined;
}

function toFidelity({ model, images, config }: ImageRequest, taken: ImageModel, notes: Notes): string | undefined {
  const words = images.length > 0 ? taken.inputFidelities : [];
  const asked = { model, field: "config.inputFidelity", value: config.inputFidelity, taken: words };
  return takenWord(asked, notes);
}

/** One is what everybody makes, and what some servers refuse to be told. */
function toCount(count: number): object {
  return count > 1 ? { n: count } : {};
}

/** "GIF output does not support streaming", nor does SVG: openai-node, `frame_count` and `svg`. */
function canStream({ stream, config }: ImageRequest, { maxPartialImages }: ImageModel): boolean {
  return stream && maxPartialImages > 0 && !/^image\/(gif|svg)/.test(config.mimeType);
}

function toStreaming(request: ImageRequest, { model }: ImageTraits, notes: Notes): object {
  const streams = canStream(request, model);
  const most = streams ? model.maxPartialImages : 0;
  const partialImages = takenNumber(
    { field: "config.partialImages", value: request.config.partialImages, most },
    notes,
  );
  return streams ? { stream: true, ...(partialImages > 0 && { partial_images: partialImages }) } : {};
}

function toFiles({ images, mask }: ImageRequest): readonly FormFile[] {
  const field = images.length > 1 ? "image[]" : "image";
  const files = images.map((image, i) => toFile(image, { field, name: `image-${i + 1}`, path: `images[${i}]` }));
  return mask ? [...files, toFile(mask, { field: "mask", name: "mask", path: "mask" })] : files;
}

function toFile(
  { data, mimeType, filename }: Media,
  { field, name, path }: { readonly field: string; readonly name: string; readonly path: string },
): FormFile {
  if (!data) throw unsupported(`${path}.uri`, "this provider fetches no images: send the bytes, or a data: URI");
  const extension = mimeType.replace(/^image\//, "").replace(/[^a-z0-9].*$/, "");
  return { field, filename: filename || `${name}.${extension}`, mimeType, data };
}
