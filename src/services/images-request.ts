import {
  ImageConfig_Background as Background,
  type EditImageRequest,
  type EditImageStreamRequest,
  ImageConfig_InputFidelity as Fidelity,
  type GenerateImageRequest,
  type GenerateImageStreamRequest,
  type ImageConfig as ProtoImageConfig,
} from "../../gen/livellm/v1/images_service_pb.ts";
import type { Media as ProtoMedia } from "../../gen/livellm/v1/message_pb.ts";
import type { Media } from "../core/chat.ts";
import { invalidRequest, type Violation, type ViolationReason } from "../core/error.ts";
import type { ImageConfig, ImageRequest } from "../core/images.ts";
import { readDataUri } from "./data-uri.ts";
import { mediaFromProto } from "./messages.ts";

/** What every target is asked, whichever it is. */
export type AskedImages = Omit<ImageRequest, "model" | "options" | "stream">;

type ProtoRequest = GenerateImageRequest | GenerateImageStreamRequest | EditImageRequest | EditImageStreamRequest;

/** The request in core terms. Throws every violation at once, before any provider is called. */
export function askedImagesFromProto(request: ProtoRequest, maxMediaBytes: number): AskedImages {
  const { images, mask } = inputsOf(request);
  const violations = [
    ...checkConfig(request.config),
    ...images.flatMap((image, i) => checkImage(image, `images[${i}]`, maxMediaBytes)),
    ...(mask ? checkImage(mask, "mask", maxMediaBytes) : []),
  ];
  if (violations.length > 0) throw invalidRequest(violations);
  return {
    prompt: request.prompt,
    images: images.map(mediaFromProto),
    ...(mask && { mask: mediaFromProto(mask) }),
    config: configFromProto(request.config),
    requestId: request.caller?.requestId ?? "",
    userId: request.caller?.userId ?? "",
  };
}

function inputsOf(request: ProtoRequest): { readonly images: readonly ProtoMedia[]; readonly mask?: ProtoMedia } {
  return "images" in request ? { images: request.images, mask: request.mask } : { images: [] };
}

function configFromProto(config: ProtoImageConfig | undefined): ImageConfig {
  return {
    size: config?.size ?? "",
    resolution: config?.resolution ?? "",
    quality: config?.quality ?? "",
    background: backgrounds.get(config?.background ?? Background.UNSPECIFIED),
    mimeType: config?.mimeType ?? "",
    compression: config?.compression,
    count: config?.count || 1,
    style: config?.style ?? "",
    partialImages: config?.partialImages ?? 0,
    inputFidelity: fidelities.get(config?.inputFidelity ?? Fidelity.UNSPECIFIED),
  };
}

const backgrounds = new Map<Background, "transparent" | "opaque">([
  [Background.TRANSPARENT, "transparent"],
  [Background.OPAQUE, "opaque"],
]);

const fidelities = new Map<Fidelity, "low" | "high">([
  [Fidelity.LOW, "low"],
  [Fidelity.HIGH, "high"],
]);

function checkConfig(config: ProtoImageConfig | undefined): readonly Violation[] {
  if (config?.background !== Background.TRANSPARENT || config.mimeType !== "image/jpeg") return [];
  return [
    violation("config.mimeType", "CONFLICT", "a JPEG has no transparent background: take image/png or image/webp"),
  ];
}

/** Of images inside the request. What is at an address is for the target to fetch, or to refuse. */
function checkImage(image: ProtoMedia, path: string, maxBytes: number): readonly Violation[] {
  const inline = readInline(image, path);
  if ("reason" in inline) return [inline];
  const { data, mimeType, field } = inline;
  if (!data) return [];
  if (data.length === 0) return [violation(field, "REQUIRED", "the image is empty")];
  if (data.length > maxBytes) {
    return [violation(field, "TOO_LONG", `is ${data.length} bytes long; ${maxBytes} are allowed`)];
  }
  if (mimeType.startsWith("image/")) return [];
  return [
    violation(`${path}.mimeType`, "UNSUPPORTED", `${mimeType} is no image; say image/png, image/jpeg or image/webp`),
  ];
}

type Inline = Pick<Media, "data" | "mimeType"> & { readonly field: string };

function readInline({ source, mimeType }: ProtoMedia, path: string): Inline | Violation {
  if (source.case === "data") return { data: source.value, mimeType, field: `${path}.data` };
  const field = `${path}.uri`;
  try {
    const inline = readDataUri(source.value ?? "");
    return { data: inline?.data, mimeType: mimeType || (inline?.mimeType ?? ""), field };
  } catch (error) {
    return violation(field, "PATTERN", error instanceof Error ? error.message : "cannot be read");
  }
}

function violation(field: string, reason: ViolationReason, description: string): Violation {
  return { field, reason, description };
}
