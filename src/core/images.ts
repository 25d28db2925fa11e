import type { Media } from "./chat.ts";
import type { JsonObject } from "./json.ts";
import type { Warning } from "./route.ts";
import type { Usage } from "./usage.ts";

/** How images should be. What is empty or absent is the model's to choose. */
export interface ImageConfig {
  /** `1536x1024` in pixels, or a proportion such as `3:2`. */
  readonly size: string;
  /** `1K`, `2K` or `4K`, for models that are told it apart from the shape. */
  readonly resolution: string;
  /** `low`, `medium`, `high` and what else a model may have. */
  readonly quality: string;
  readonly background?: "transparent" | "opaque";
  /** Such as `image/webp`. */
  readonly mimeType: string;
  /** Of a JPEG or WebP, 0 to 100. */
  readonly compression?: number;
  /** At least 1. */
  readonly count: number;
  readonly style: string;
  /** How often an image is wanted before it is complete; 0 when the answer is wanted whole. */
  readonly partialImages: number;
  readonly inputFidelity?: "low" | "high";
}

/** Images to make, as an adapter gets them. */
export interface ImageRequest {
  readonly model: string;
  readonly prompt: string;
  /** The images to change, or to go by; none: the prompt alone says what to make. */
  readonly images: readonly Media[];
  /** Transparent where the first of `images` may change. */
  readonly mask?: Media;
  readonly config: ImageConfig;
  /** Whether each image is wanted as soon as it is complete. */
  readonly stream: boolean;
  /** Merged, last, into the body; the adapter refuses keys that it sets itself. */
  readonly options: JsonObject;
  readonly requestId: string;
  readonly userId: string;
}

/** An image and the type of its bytes. */
export interface ImageBytes {
  readonly data: Uint8Array;
  readonly mimeType: string;
}

/** An image that was made. */
export interface GeneratedImage extends ImageBytes {
  /** The prompt as the provider rewrote it. */
  readonly revisedPrompt?: string;
  /** `1536x1024`, where the provider says so. */
  readonly size?: string;
}

/**
 * What an adapter yields: `response` once, first; images; `finished` once, last. Errors are thrown. A vendor's stream that
 * ends before its terminal event is thrown as `stream_broken`, and an answer without any image as an error that says why.
 */
export type ImageEvent =
  | {
      readonly type: "response";
      readonly model?: string;
      readonly requestId?: string;
      readonly warnings?: readonly Warning[];
    }
  /** The image that comes next, as far as it has come; `partialIndex` counts from 0 for each image. */
  | { readonly type: "partial-image"; readonly partialIndex: number; readonly image: ImageBytes }
  | { readonly type: "image"; readonly image: GeneratedImage }
  | {
      readonly type: "finished";
      readonly usage: Usage;
      /** What the model said beside the images. */
      readonly text?: string;
      readonly warnings?: readonly Warning[];
    };

/** What a provider that makes images can do. */
export interface Images {
  stream(request: ImageRequest, signal: AbortSignal): AsyncIterable<ImageEvent>;
}
