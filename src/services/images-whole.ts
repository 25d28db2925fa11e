import { LivellmError } from "../core/error.ts";
import type { GeneratedImage, ImageEvent } from "../core/images.ts";
import type { RouteResult, Warning } from "../core/route.ts";
import type { Usage } from "../core/usage.ts";
import { answerWhole } from "../live/answer-whole.ts";
import { type ImagesCall, missing } from "./images-run.ts";

/** All images of a call. */
export interface WholeImages {
  readonly images: readonly GeneratedImage[];
  readonly text: string;
  readonly usage: Usage;
  readonly routeResult: RouteResult;
  readonly warnings: readonly Warning[];
}

/** Makes images and gives all at once: until the last of them is there, another target can take over. */
export async function makeWhole({ plan, request }: ImagesCall, signal: AbortSignal): Promise<WholeImages> {
  const { value, routeResult } = await answerWhole(
    plan,
    ({ use, model, options }, s) => collect(use.capability.stream({ ...request, model, options, stream: false }, s)),
    signal,
  );
  const { model = routeResult.model, requestId, warnings, ...rest } = value;
  return {
    ...rest,
    routeResult: { ...routeResult, model, ...(requestId && { providerRequestId: requestId }) },
    warnings: [...warnings, ...missing(value.images.length, request.config.count)],
  };
}

type Collected = Omit<WholeImages, "routeResult"> & { readonly model?: string; readonly requestId?: string };

async function collect(events: AsyncIterable<ImageEvent>): Promise<Collected> {
  const images: GeneratedImage[] = [];
  let began: Extract<ImageEvent, { type: "response" }> | undefined;
  for await (const event of events) {
    if (event.type === "response") began = event;
    if (event.type === "image") images.push(event.image);
    if (event.type !== "finished") continue;
    const { usage, text = "" } = event;
    const warnings = [...(began?.warnings ?? []), ...(event.warnings ?? [])];
    return { images, text, usage, warnings, model: began?.model, requestId: began?.requestId };
  }
  throw new LivellmError("internal", "internal", "the images ended without a result");
}
