import type { RouteResult } from "../core/route.ts";
import type { TranscriptionRequest, TranscriptionResult } from "../core/transcription.ts";
import type { Plan } from "../routing/plan.ts";
import { answerWhole } from "./answer-whole.ts";

/** A recording to write down, as the service asks for it. */
export interface RecordingCall {
  readonly plan: Plan<"transcription">;
  readonly request: Omit<TranscriptionRequest, "model" | "options">;
}

/** Writes down a recording. What the provider does not say of its length is what is known of it here. */
export async function transcribeRecording(
  { plan, request }: RecordingCall,
  signal: AbortSignal,
): Promise<TranscriptionResult & { readonly routeResult: RouteResult }> {
  const { value, routeResult } = await answerWhole(
    plan,
    ({ use, model, options }, s) => use.capability.transcribe({ ...request, model, options }, s),
    signal,
  );
  const durationMs = value.durationMs ?? request.durationMs;
  const heard = durationMs === undefined ? {} : { inputAudioMs: Math.round(durationMs) };
  return {
    ...value,
    durationMs,
    usage: { ...heard, ...value.usage },
    routeResult: {
      ...routeResult,
      model: value.model ?? routeResult.model,
      ...(value.requestId && { providerRequestId: value.requestId }),
    },
  };
}
