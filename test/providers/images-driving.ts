import type { ImageConfig, ImageEvent, ImageRequest } from "../../src/core/images.ts";

/** Bytes that begin like a PNG and end with a number, to tell images apart. */
export function png(mark: number): Uint8Array {
  return Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, mark]);
}

export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

const plainConfig: ImageConfig = {
  size: "",
  resolution: "",
  quality: "",
  mimeType: "",
  count: 1,
  style: "",
  partialImages: 0,
};

/** A request for a cat; what is given replaces what it has. */
export function imageRequest({
  config = {},
  ...over
}: Partial<Omit<ImageRequest, "config">> & { readonly config?: Partial<ImageConfig> } = {}): ImageRequest {
  return {
    model: "gpt-image-2",
    prompt: "A cat",
    images: [],
    config: { ...plainConfig, ...config },
    stream: false,
    options: {},
    requestId: "req-1",
    userId: "",
    ...over,
  };
}

/** The marks of the images that are complete, in order. */
export function marksOf(events: readonly ImageEvent[]): readonly (number | undefined)[] {
  return events.flatMap((event) => (event.type === "image" ? [event.image.data.at(-1)] : []));
}

/** `code field` of every warning that the answer began with. */
export function warningsOf(events: readonly ImageEvent[]): readonly string[] {
  return events.flatMap((event) =>
    event.type === "response" ? (event.warnings ?? []).map(({ code, field }) => `${code} ${field}`) : [],
  );
}

/** An event of the Images API, as it is on the wire. */
export function imageEvent(type: string, fields: object): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
}
