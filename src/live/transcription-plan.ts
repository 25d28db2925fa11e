import type { LiveTranscription } from "../core/transcription.ts";
import type { AskedRoute } from "../routing/allowed-targets.ts";
import type { Plan, PlannedTarget } from "../routing/plan.ts";
import type { Resolver } from "../routing/resolver.ts";
import { type SegmentingOptions, segmentedTranscription } from "./segmented-transcription.ts";

/**
 * Plans a live transcription. A target whose provider has no live protocol, or none for the model (it takes no live audio:
 * `formats` is empty), is made live of what it has: the gateway cuts the audio into utterances and has each transcribed.
 */
export async function planLiveTranscription(
  resolver: Resolver,
  route: AskedRoute,
  options: Pick<SegmentingOptions, "createVoiceActivity">,
  signal: AbortSignal,
): Promise<Plan<"liveTranscription">> {
  const live = await resolver.plan(route, "liveTranscription", signal);
  try {
    const whole = await resolver.plan(route, "transcription", signal);
    const segmenting = { ...options, callTimeoutMs: live.stallTimeoutMs };
    return {
      ...live,
      targets: live.targets.map((target) => liveOrSegmented(target, twinOf(target, whole), segmenting)),
      [Symbol.dispose]() {
        live[Symbol.dispose]();
        whole[Symbol.dispose]();
      },
    };
  } catch (error) {
    live[Symbol.dispose]();
    throw error;
  }
}

/** Both plans are of one route and have the same targets, not always in the same order: health may have changed. */
function twinOf(target: PlannedTarget, { targets }: Plan<"transcription">): PlannedTarget<"transcription"> | undefined {
  return targets.find(
    ({ index, provider, model }) => index === target.index && provider === target.provider && model === target.model,
  );
}

function liveOrSegmented(
  live: PlannedTarget<"liveTranscription">,
  whole: PlannedTarget<"transcription"> | undefined,
  options: SegmentingOptions,
): PlannedTarget<"liveTranscription"> {
  if (live.use.ready && live.use.capability.formats(live.model).length > 0) return live;
  if (!whole?.use.ready) return live;
  const capability: LiveTranscription = segmentedTranscription(whole.use.capability, options);
  return { ...live, use: { ready: true, capability } };
}
