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
    async ({ use, model, options }, s) =>
      withLength(await use.capability.transcribe({ ...request, model, options }, s), request.durationMs),
    signal,
  );
  return {
    ...value,
    routeResult: {
      ...routeResult,
      model: value.model ?? routeResult.model,
      ...(value.requestId && { providerRequestId: value.requestId }),
    },
  };
}

/** Within the attempt, because what was heard has its price. */
function withLength(result: TranscriptionResult, knownMs: number | undefined): TranscriptionResult {
  const durationMs = result.durationMs ?? knownMs;
  const heard = durationMs === undefined ? {} : { inputAudioMs: Math.round(durationMs) };
  return { ...result, durationMs, usage: { ...heard, ...result.usage } };
}
