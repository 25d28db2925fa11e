import type { GeneratedImage, ImageBytes, ImageEvent } from "../core/images.ts";
import type { Attempt, RouteResult, Warning } from "../core/route.ts";
import type { Usage } from "../core/usage.ts";
import { withFallback } from "../routing/fallback.ts";
import type { FallbackEvent } from "../routing/fallback-event.ts";
import type { Plan, ReadyTarget } from "../routing/plan.ts";
import { routeResultOf } from "../routing/route-result.ts";
import type { AskedImages } from "./images-request.ts";

/** What happens while images are made, in the order that the contract's GenerateImageStreamResponse states. */
export type ImagesRunEvent =
  | { readonly type: "attempt-failed"; readonly attempt: Attempt }
  | { readonly type: "started"; readonly routeResult: RouteResult; readonly warnings: readonly Warning[] }
  | {
      readonly type: "partial-image";
      readonly imageIndex: number;
      readonly partialIndex: number;
      readonly image: ImageBytes;
    }
  | { readonly type: "image"; readonly imageIndex: number; readonly image: GeneratedImage }
  | { readonly type: "heartbeat" }
  | {
      readonly type: "finished";
      readonly text: string;
      readonly usage: Usage;
      readonly routeResult: RouteResult;
      /** Besides those that `started` had. */
      readonly warnings: readonly Warning[];
    };

export interface ImagesCall {
  readonly plan: Plan<"images">;
  readonly request: AskedImages;
}

/**
 * Makes images, each told as soon as it is there. The first of them, even if it is not complete, commits. Errors are thrown;
 * the last event is `finished`.
 */
export async function* runImages(
  { plan, request }: ImagesCall,
  signal: AbortSignal,
): AsyncGenerator<ImagesRunEvent, void, undefined> {
  const run = new ImagesRun(request.config.count);
  const open = ({ use, model, options }: ReadyTarget<"images">, s: AbortSignal) =>
    use.capability.stream({ ...request, model, options, stream: true }, s);
  for await (const event of withFallback(plan, { open, role }, signal)) yield* run.read(event);
}

function role({ type }: ImageEvent): "commits" | "waits" {
  return type === "partial-image" || type === "image" ? "commits" : "waits";
}

/** Reads what fallback and the winner say, and tells it as the caller's events. */
class ImagesRun {
  readonly #asked: number;
  #target: ReadyTarget<"images"> | undefined;
  #attempts: readonly Attempt[] = [];
  #began: Extract<ImageEvent, { type: "response" }> | undefined;
  #made = 0;

  constructor(asked: number) {
    this.#asked = asked;
  }

  read(event: FallbackEvent<"images", ImageEvent>): readonly ImagesRunEvent[] {
    switch (event.type) {
      case "attempt-failed":
        return [event];
      case "committed":
        this.#target = event.target;
        this.#attempts = event.attempts;
        return [];
      case "progress":
        return [];
      case "output":
        return [this.#output(event.output)];
      default:
        return event satisfies never;
    }
  }

  #output(event: ImageEvent): ImagesRunEvent {
    switch (event.type) {
      case "response":
        this.#began = event;
        return { type: "started", routeResult: this.#routeResult(), warnings: event.warnings ?? [] };
      case "partial-image":
        return { ...event, imageIndex: this.#made };
      case "image":
        return { ...event, imageIndex: this.#made++ };
      case "finished": {
        const { usage, text = "", warnings = [] } = event;
        const told = [...warnings, ...missing(this.#made, this.#asked)];
        return { type: "finished", text, usage, routeResult: this.#routeResult(), warnings: told };
      }
      default:
        return event satisfies never;
    }
  }

  #routeResult(): RouteResult {
    return routeResultOf(this.#target, this.#attempts, this.#began);
  }
}

/** Providers leave out images that their filters stop, and some make one at a time. */
export function missing(made: number, asked: number): readonly Warning[] {
  if (made >= asked) return [];
  const message = `${made} of ${asked} images were made`;
  return [{ code: "images-missing", message, field: "config.count" }];
}
