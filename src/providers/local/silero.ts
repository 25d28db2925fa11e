import type { VoiceActivity } from "../../audio/vad.ts";
import type { SileroAnswer, SileroRequest } from "./silero-worker.ts";
import type { WorkerPool } from "./worker-pool.ts";

const frameSamples = 512;
const contextSamples = 64;

/** Silero's voice activity detection for one stream. */
export function createSilero(pool: WorkerPool<SileroRequest, SileroAnswer>): VoiceActivity {
  const closing = new AbortController();
  const samples = new Float32Array(contextSamples + frameSamples);
  let state: Float32Array = new Float32Array(2 * 128);
  return {
    frameSamples,
    sampleRateHertz: 16_000,
    async probability(frame) {
      samples.copyWithin(0, frameSamples); // the end of the frame before
      samples.set(frame, contextSamples);
      const answer = await pool.run({ samples, state }, closing.signal);
      state = answer.state;
      return answer.probability;
    },
    close: () => closing.abort(new Error("the voice activity detector is closed")),
  };
}
