import { toInt16 } from "./pcm.ts";
import type { VoiceActivity } from "./vad.ts";

/** What is used of the WebAssembly module's exports (libfvad's fvad.h). */
interface FvadModule {
  readonly HEAP16: Int16Array;
  _fvad_new(): number;
  _fvad_free(state: number): void;
  _fvad_set_mode(state: number, mode: number): number;
  _fvad_set_sample_rate(state: number, hertz: number): number;
  /** 1 speech, 0 none, -1 for a frame of another length. */
  _fvad_process(state: number, frame: number, length: number): number;
  _malloc(bytes: number): number;
  _free(address: number): void;
}

const sampleRateHertz = 16_000;
const frameSamples = 480; // 30 ms, the longest there is

/** 0 to 3. The strictest: what is called speech here waits for the next words, and costs money elsewhere. */
const mode = 3;

/**
 * It takes the first 90 ms of any noise for speech, until it knows the background. They are called silence: where they
 * are speech after all, the segmenter's prefix brings them back.
 */
const learningFrames = 4;

/**
 * The voice activity detector of WebRTC (libfvad, BSD-3-Clause) as WebAssembly: 14 µs a frame, no model to load. It
 * knows yes and no only, so that a segmenter's threshold has no say. The module is loaded once, each stream has a state
 * in it.
 */
export function createFvadLoader(): () => Promise<VoiceActivity> {
  let module: Promise<FvadModule> | undefined;
  return async () => {
    module ??= loadModule();
    return createVoiceActivity(await module);
  };
}

async function loadModule(): Promise<FvadModule> {
  // @ts-expect-error The package has no types.
  const { default: load }: { readonly default: () => Promise<FvadModule> } = await import("@echogarden/fvad-wasm");
  return await load();
}

function createVoiceActivity(fvad: FvadModule): VoiceActivity {
  const state = fvad._fvad_new();
  const frameAddress = fvad._malloc(frameSamples * 2);
  fvad._fvad_set_mode(state, mode);
  fvad._fvad_set_sample_rate(state, sampleRateHertz);
  let heardFrames = 0;
  return {
    frameSamples,
    sampleRateHertz,
    probability(frame) {
      // HEAP16 is asked for each time: it is another array after the memory has grown.
      fvad.HEAP16.set(Int16Array.from(frame, toInt16), frameAddress / 2);
      const isSpeech = fvad._fvad_process(state, frameAddress, frameSamples) === 1;
      return ++heardFrames > learningFrames && isSpeech ? 1 : 0;
    },
    close() {
      fvad._free(frameAddress);
      fvad._fvad_free(state);
    },
  };
}
