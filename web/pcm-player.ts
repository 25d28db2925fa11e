/** A little ahead, so that a piece that comes a moment late leaves no gap. */
const leadSeconds = 0.1;

/** Plays 16-bit PCM while it arrives. */
export class PcmPlayer {
  readonly #context = new AudioContext();
  readonly #rate: number;
  readonly #playing = new Set<AudioBufferSourceNode>();
  #odd: Uint8Array = new Uint8Array();
  #endsAt = 0;

  /** `rate` is in hertz; one channel. */
  constructor(rate: number) {
    this.#rate = rate;
  }

  /** Queues more audio; pieces may be cut at any byte. */
  push(bytes: Uint8Array): void {
    const all = new Uint8Array(this.#odd.length + bytes.length);
    all.set(this.#odd);
    all.set(bytes, this.#odd.length);
    const whole = all.length - (all.length % 2);
    this.#odd = all.subarray(whole);
    if (whole > 0) this.#schedule(toFloats(all.subarray(0, whole)));
  }

  /** Resolves when all has been heard. */
  async finished(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && this.#context.currentTime < this.#endsAt) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** Forgets what has not been heard, at once; what is pushed next is played. */
  drop(): void {
    for (const source of this.#playing) source.stop();
    this.#playing.clear();
    this.#odd = new Uint8Array();
    this.#endsAt = 0;
  }

  /** Silence, at once. */
  close(): void {
    if (this.#context.state !== "closed") void this.#context.close();
  }

  #schedule(samples: Float32Array<ArrayBuffer>): void {
    const buffer = this.#context.createBuffer(1, samples.length, this.#rate);
    buffer.copyToChannel(samples, 0);
    const source = this.#context.createBufferSource();
    source.buffer = buffer;
    source.connect(this.#context.destination);
    source.addEventListener("ended", () => this.#playing.delete(source));
    this.#playing.add(source);
    if (this.#endsAt < this.#context.currentTime) this.#endsAt = this.#context.currentTime + leadSeconds;
    source.start(this.#endsAt);
    this.#endsAt += buffer.duration;
  }
}

function toFloats(bytes: Uint8Array): Float32Array<ArrayBuffer> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float32Array.from({ length: bytes.length / 2 }, (_, index) => view.getInt16(index * 2, true) / 32768);
}
