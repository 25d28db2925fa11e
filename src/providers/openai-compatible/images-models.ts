import type { SizeRules } from "./images-size.ts";

/** What a model that makes images takes. A list that is absent is not known: everything goes out as it is. */
export interface ImageModel {
  readonly sizes?: SizeRules;
  /** From the least to the most; a quality above them is lowered. An empty list: the model has no such option. */
  readonly qualities?: readonly string[];
  readonly backgrounds?: readonly string[];
  readonly mimeTypes?: readonly string[];
  readonly styles?: readonly string[];
  readonly inputFidelities?: readonly string[];
  readonly maxCount: number;
  /** 0: it answers whole, and cannot stream. */
  readonly maxPartialImages: number;
  /** Whether it answers with an address, unless `response_format` asks for the image itself. */
  readonly choosesForm: boolean;
}

const standardSizes = ["1024x1024", "1536x1024", "1024x1536"];

/** Any size within these bounds. "Resolutions above 2560x1440 are experimental" and are taken all the same. */
const freeSizes: SizeRules = {
  listed: standardSizes,
  free: { multiple: 16, longestEdge: 3840, mostPixels: 3840 * 2160, longestRatio: 3 },
};

const threeQualities = ["low", "medium", "high"];
const fiveQualities = [...threeQualities, "xhigh", "max"];
const backgrounds = ["transparent", "opaque"];

/** What all of OpenAI's GPT Image models have in common; what is not said of a newer one is not known. */
const gptImage: ImageModel = {
  styles: [],
  maxCount: 10,
  maxPartialImages: 3,
  choosesForm: false,
};

const older: ImageModel = {
  ...gptImage,
  sizes: { listed: standardSizes },
  qualities: threeQualities,
  backgrounds,
  mimeTypes: ["image/png", "image/jpeg", "image/webp"],
};

/** The first that matches counts. From the notes of openai-node 7.55, resources/images. */
const models: readonly (ImageModel & { readonly names: RegExp })[] = [
  { ...older, names: /\bgpt-image-1-mini\b/, inputFidelities: ["low"] },
  {
    ...older,
    names: /\bgpt-image-1(\.5)?(-\d{4}-\d{2}-\d{2})?$|\bchatgpt-image-latest$/,
    inputFidelities: ["low", "high"],
  },
  {
    ...gptImage,
    names: /\bgpt-image-2(-\d{4}-\d{2}-\d{2})?$/,
    sizes: freeSizes,
    qualities: threeQualities,
    backgrounds,
    inputFidelities: [],
  },
  {
    ...gptImage,
    names: /\bgpt-image-2\.5-/,
    sizes: freeSizes,
    qualities: fiveQualities,
    backgrounds,
  },
  { ...gptImage, names: /\bgpt-image-/, sizes: { listed: standardSizes, others: true } },
];

/** A model of another maker, behind a server that has `/images/generations`: whether it streams is not known. */
const unknown: ImageModel = { maxCount: 10, maxPartialImages: 0, choosesForm: true };

/** What is known of a model by its name, on whichever server. `otherwise`: of those that no name tells. */
export function imageModel(name: string, otherwise: ImageModel = unknown): ImageModel {
  return models.find(({ names }) => names.test(name)) ?? otherwise;
}

/** What is known of a model of OpenAI's that is not named here. */
export const otherOpenAIModel: ImageModel = { ...gptImage, sizes: { listed: standardSizes, others: true } };
