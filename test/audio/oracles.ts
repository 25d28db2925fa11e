import { spawnSync } from "node:child_process";
import speex from "@echogarden/speex-resampler-wasm";

const isCi = process.env.CI === "true";

/** Why tests against sox are left out; undefined when they run, as they always do where CI=true. */
export const noSox: string | undefined =
  isCi || spawnSync("sox", ["--version"]).status === 0 ? undefined : "no sox here";

/** What sox makes of an input. Throws with what sox said. */
export function sox(args: readonly string[], input: Uint8Array): Uint8Array {
  const { status, stdout, stderr, error } = spawnSync("sox", args, { input, maxBuffer: 64 * 1024 * 1024 });
  if (error) throw error;
  if (status !== 0) throw new Error(`sox ended with ${status}: ${stderr}`);
  return new Uint8Array(stdout);
}

/** The Speex resampler at its best quality (10), without its delay. */
export async function speexResample(samples: Float32Array, fromHertz: number, toHertz: number): Promise<Float32Array> {
  const module = await speex();
  const length = Math.ceil((samples.length * toHertz) / fromHertz);
  const [input, output, counts] = [samples.length * 4, length * 4, 16].map((size) => module._malloc(size)) as [
    number,
    number,
    number,
  ];
  const state = module._speex_resampler_init(1, fromHertz, toHertz, 10, counts);
  module._speex_resampler_skip_zeros(state);
  module.HEAPF32.set(samples, input / 4);
  module.HEAPU32.set([samples.length, length], counts / 4);
  module._speex_resampler_process_float(state, 0, input, counts, output, counts + 4);
  const written = module.HEAPU32[counts / 4 + 1] ?? 0;
  const resampled = module.HEAPF32.slice(output / 4, output / 4 + written);
  module._speex_resampler_destroy(state);
  return resampled;
}
