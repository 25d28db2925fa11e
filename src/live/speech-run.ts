import type { AudioFormat } from "../core/audio-format.ts";
import type { Attempt, RouteResult } from "../core/route.ts";
import type { SpeechRequest } from "../core/speech.ts";
import type { FallbackEvent } from "../routing/fallback-event.ts";
import type { Plan, ReadyTarget } from "../routing/plan.ts";
import { routeResultOf } from "../routing/route-result.ts";
import type { RenderedSpeech } from "./render-speech.ts";
import type { SpeakEvent } from "./speak-event.ts";
import type { OutputWish } from "./speech-output.ts";

/** What every target is asked, whichever it is. */
export interface SpeechCall extends OutputWish {
  readonly plan: Plan<"speech">;
  readonly request: Omit<SpeechRequest, "model" | "voice" | "options" | "format" | "text">;
}

type Target = ReadyTarget<"speech">;

/** The request as one target gets it, but for the text. */
export function requestFor(target: Target, call: SpeechCall, format: AudioFormat): Omit<SpeechRequest, "text"> {
  const { model, voice, options } = target;
  return { ...call.request, model, voice, options, format };
}

/** Reads what fallback and the winner say, and tells it as the caller's events. */
export class SpeechRun {
  #target: Target | undefined;
  #attempts: readonly Attempt[] = [];
  #begun: Extract<RenderedSpeech, { type: "begun" }> | undefined;

  read(event: FallbackEvent<"speech", RenderedSpeech>): readonly SpeakEvent[] {
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
        return this.#output(event.output);
      default:
        return event satisfies never;
    }
  }

  #output(event: RenderedSpeech): readonly SpeakEvent[] {
    if (event.type === "finished") return [{ ...event, routeResult: this.#routeResult() }];
    if (event.type !== "begun") return [event];
    this.#begun = event;
    const { format, warnings } = event;
    return [{ type: "started", routeResult: this.#routeResult(), format, warnings }];
  }

  #routeResult(): RouteResult {
    return routeResultOf(this.#target, this.#attempts, this.#begun);
  }
}
