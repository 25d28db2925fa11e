/** What an image model takes. A list that is absent is not known: everything goes out as it is. */
export interface ImageModel {
  readonly proportions?: readonly string[];
  /** How large it makes them; an empty list: in one way only. */
  readonly resolutions?: readonly string[];
}

/** From the SDK's ImageConfig, js-genai 3.1, and ai.google.dev/gemini-api/docs/image-generation. */
const proportions = ["1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9"];
const resolutions = ["1K", "2K", "4K"];

/** The first that matches counts; what is not known of a newer one is Google's to say. */
const models: readonly (ImageModel & { readonly names: RegExp })[] = [
  { names: /\bgemini-2\.5-flash-image/, proportions, resolutions: [] },
  { names: /\bgemini-3-pro-image|\bnano-banana-pro/, proportions, resolutions },
  {
    names: /\bgemini-3\.1-flash-image/,
    proportions: [...proportions, "1:4", "4:1", "1:8", "8:1"],
    resolutions: ["512", ...resolutions],
  },
];

export function imageModel(name: string): ImageModel {
  return models.find(({ names }) => names.test(name)) ?? {};
}
