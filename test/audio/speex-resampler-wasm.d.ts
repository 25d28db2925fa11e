/** The package has no types; this is what is used of it (speex_resampler.h). */
declare module "@echogarden/speex-resampler-wasm" {
  export default function load(): Promise<{
    readonly HEAPF32: Float32Array;
    readonly HEAPU32: Uint32Array;
    _malloc(bytes: number): number;
    _speex_resampler_init(channels: number, fromHertz: number, toHertz: number, quality: number, error: number): number;
    _speex_resampler_skip_zeros(state: number): number;
    _speex_resampler_process_float(
      state: number,
      channel: number,
      input: number,
      inputLength: number,
      output: number,
      outputLength: number,
    ): number;
    _speex_resampler_destroy(state: number): void;
  }>;
}
