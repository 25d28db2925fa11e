/** Where bytes are kept. */
export interface KeptPlace {
  readonly block: Block;
  readonly at: number;
}

interface Block {
  readonly bytes: Uint8Array;
  used: number;
  /** How many places in it are held. */
  places: number;
}

/**
 * Keeps bytes for a while, first in, first out, in a few blocks that are used again and again. Audio comes in buffers that the
 * network makes, ten a second for each caller: kept as they are, a thousand callers' would have V8 go over the whole heap every
 * few seconds.
 */
export class KeptBytes {
  readonly #blockBytes: number;
  #block: Block;
  #spare: Block | undefined;

  constructor(blockBytes: number) {
    this.#blockBytes = blockBytes;
    this.#block = newBlock(0);
  }

  put(bytes: Uint8Array): KeptPlace {
    if (this.#block.used + bytes.length > this.#block.bytes.length) this.#block = this.#blockFor(bytes.length);
    const block = this.#block;
    const at = block.used;
    block.bytes.set(bytes, at);
    block.used += bytes.length;
    block.places++;
    return { block, at };
  }

  /** A copy: the block may be written over once its places are let go of. */
  read({ block, at }: KeptPlace, length: number): Uint8Array {
    return block.bytes.slice(at, at + length);
  }

  letGo({ block }: KeptPlace): void {
    if (--block.places > 0) return;
    block.used = 0;
    if (block !== this.#block) this.#spare = block;
  }

  #blockFor(bytes: number): Block {
    const spare = this.#spare;
    this.#spare = undefined;
    return spare && spare.bytes.length >= bytes ? spare : newBlock(Math.max(bytes, this.#blockBytes));
  }
}

function newBlock(bytes: number): Block {
  return { bytes: new Uint8Array(bytes), used: 0, places: 0 };
}
