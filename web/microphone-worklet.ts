// Runs in the audio thread, which has its own globals.
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function registerProcessor(name: string, processor: new () => AudioWorkletProcessor): void;
declare const sampleRate: number;

/** Turns what the microphone hears into pieces of 16-bit PCM of 40 ms, little-endian as every browser's machine is. */
class PcmCapture extends AudioWorkletProcessor {
  readonly #samples = new Int16Array(Math.round(sampleRate * 0.04));
  #filled = 0;

  /** Called with 128 samples of each channel; the context has mixed them down to one. */
  process([input]: readonly (readonly Float32Array[])[]): boolean {
    for (const sample of input?.[0] ?? []) {
      this.#samples[this.#filled++] = Math.round(Math.max(-1, Math.min(1, sample)) * 32767);
      if (this.#filled === this.#samples.length) this.#flush();
    }
    return true;
  }

  #flush(): void {
    const piece = new Uint8Array(this.#samples.slice().buffer);
    this.port.postMessage(piece, [piece.buffer]);
    this.#filled = 0;
  }
}

registerProcessor("pcm-capture", PcmCapture);
