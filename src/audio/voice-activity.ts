import { createFvadLoader } from "./fvad.ts";
import type { CreateVoiceActivity, VoiceActivity } from "./vad.ts";

/**
 * Makes voice activity detectors: by `loadBetter` where it has one (Silero, where the local engine is installed), else
 * WebRTC's, which is always there.
 */
export function createVoiceActivityFactory(
  loadBetter: () => Promise<VoiceActivity | undefined> = async () => undefined,
): CreateVoiceActivity {
  const loadFvad = createFvadLoader();
  return async () => (await loadBetter()) ?? (await loadFvad());
}
