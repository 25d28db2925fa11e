import type { ImageConfig as WireImageConfig } from "@google/genai";
import type { ImageConfig, ImageRequest } from "../../core/images.ts";
import type { Warning } from "../../core/route.ts";
import { takenNumber, takenWord } from "../openai-compatible/images-option.ts";
import { proportionOf, readSize, type Size } from "../openai-compatible/images-size.ts";
import { type Notes, newNotes } from "../openai-compatible/notes.ts";
import { mergeOptions, refuseReservedOptions } from "../openai-compatible/options.ts";
import { unsupported } from "../openai-compatible/unsupported.ts";
import { toMediaPart } from "./content-parts.ts";
import { imageModel } from "./images-models.ts";

interface ImageCall {
  readonly body: object;
  readonly warnings: readonly Warning[];
}

const reserved = ["model", "contents"];

/**
 * A request to make an image, after others where there are some. Throws `failed_precondition` for what the model does not
 * take, saying what it does.
 */
export function toImageRequest(request: ImageRequest): ImageCall {
  refuseReservedOptions(request.options, reserved);
  refuseMissing(request);
  const notes = newNotes();
  const { prompt, images, config } = request;
  const imageConfig = toImageConfig(request, notes);
  noteLeftOut(config, notes);
  const body = {
    contents: [
      { role: "user", parts: [...images.map((image, i) => toMediaPart(image, `images[${i}]`)), { text: prompt }] },
    ],
    generationConfig: {
      responseModalities: ["TEXT", "IMAGE"],
      ...(Object.keys(imageConfig).length > 0 && { imageConfig }),
    },
  };
  return { body: mergeOptions(body, request.options), warnings: notes.warnings };
}

/** "This field is not supported in Gemini API": `outputMimeType` of the SDK's ImageConfig. Masks it never had. */
function refuseMissing({ model, mask, config }: ImageRequest): void {
  if (mask) throw unsupported("mask", `${model} takes no mask: say in the prompt what to change`);
  if (config.mimeType) {
    throw unsupported("config.mimeType", `${model} takes no form, and chooses it by itself: leave it empty`);
  }
  if (config.background === "transparent") {
    throw unsupported("config.background", `${model} takes opaque alone: it makes no transparent images`);
  }
}

function noteLeftOut(config: ImageConfig, notes: Notes): void {
  for (const name of ["quality", "style", "inputFidelity"] as const) if (config[name]) notes.ignored(`config.${name}`);
  if (config.compression !== undefined) notes.ignored("config.compression");
  takenNumber({ field: "config.count", value: config.count, most: 1 }, notes);
  takenNumber({ field: "config.partialImages", value: config.partialImages, most: 0 }, notes);
}

/** The shape, and how large: the API takes no pixels. */
function toImageConfig(
  { model, config }: ImageRequest,
  notes: Notes,
): Pick<WireImageConfig, "aspectRatio" | "imageSize"> {
  const taken = imageModel(model);
  const size = readSize(config.size);
  const aspectRatio = size && takenProportion(model, size, taken.proportions);
  const asked = { model, field: "config.resolution", value: config.resolution, taken: taken.resolutions };
  const named = takenWord(asked, notes);
  const imageSize = named ?? (size && !size.isProportion ? nearest(size, taken.resolutions) : undefined);
  if (size && !size.isProportion) notePixels(config.size, { aspectRatio, imageSize }, notes);
  return { ...(aspectRatio && { aspectRatio }), ...(imageSize && { imageSize }) };
}

function takenProportion(model: string, size: Size, taken: readonly string[] | undefined): string {
  const wanted = proportionOf(size);
  // What everybody calls 21:9 is 7:3 in its lowest terms.
  const found = taken?.find((proportion) => proportionOf(readSize(proportion) ?? size) === wanted);
  if (found || !taken) return found ?? wanted;
  const description = `${model} does not make ${wanted}: it takes the proportions ${taken.join(", ")}`;
  throw unsupported("config.size", description);
}

/** Pixels of a side of the square of each resolution. */
const sides: Readonly<Record<string, number>> = { "512": 512, "1K": 1024, "2K": 2048, "4K": 4096 };

/** The resolution whose number of pixels is the nearest; undefined when the model makes them in one way only. */
function nearest({ width, height }: Size, taken: readonly string[] = ["1K", "2K", "4K"]): string | undefined {
  const side = Math.sqrt(width * height);
  const distance = (name: string) => Math.abs(Math.log((sides[name] ?? 1) / side));
  return taken.toSorted((a, b) => distance(a) - distance(b))[0];
}

/** A square of 1K has 1024x1024 pixels exactly; what the other shapes have, Google does not promise. */
function notePixels(size: string, { aspectRatio, imageSize }: WireImageConfig, notes: Notes): void {
  const side = sides[imageSize ?? "1K"];
  if (aspectRatio === "1:1" && size === `${side}x${side}`) return;
  notes.clamped("config.size", `${aspectRatio}${imageSize ? ` at ${imageSize}` : ""} in place of ${size}`);
}
