/**
 * As much of WASI (wasi_snapshot_preview1) as a program needs that takes arguments and writes one file: the file is
 * kept in memory. Node's own WASI would need a real file for it, and warns on standard error that it is experimental.
 */
export interface WasiProgram {
  /** The bytes of the file that the program wrote. Throws when it ended with another status than 0. */
  run(args: readonly string[]): Promise<Uint8Array>;
}

/** Compiles it once; a program runs in an instance of its own each time. */
export async function compileWasiProgram(code: Uint8Array): Promise<WasiProgram> {
  const module = await platform.compile(code);
  return {
    async run(args) {
      const system = new WasiSystem(args);
      const { exports } = await platform.instantiate(module, { wasi_snapshot_preview1: system.calls });
      return system.start(exports);
    },
  };
}

/** What such a program exports. */
interface ProgramExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  _start(): void;
}

/** What is used of WebAssembly, which the library of plain ECMAScript has no types for. */
interface Platform {
  compile(code: Uint8Array): Promise<unknown>;
  instantiate(module: unknown, imports: object): Promise<{ readonly exports: ProgramExports }>;
}
const { WebAssembly: platform } = globalThis as unknown as { readonly WebAssembly: Platform };

/** WASI's error numbers. */
const success = 0;
const badFileNumber = 8;

/** File numbers: 0 to 2 are the standard ones, then the folder in which files are opened, and the one file. */
const folder = 3;
const output = 4;

/** Types of files, as `fd_fdstat_get` says them. */
const fileTypes: Readonly<Record<number, number>> = { 0: 2, 1: 2, 2: 2, [folder]: 3, [output]: 4 };

class ProgramExit extends Error {
  readonly status: number;

  constructor(status: number) {
    super(`the program ended with status ${status}`);
    this.status = status;
  }
}

class WasiSystem {
  #memory: ProgramExports["memory"] = { buffer: new ArrayBuffer(0) };
  readonly #args: readonly Buffer[];
  #file: Buffer = Buffer.alloc(1024 * 1024);
  #length = 0;
  #position = 0;

  constructor(args: readonly string[]) {
    this.#args = args.map((arg) => Buffer.from(`${arg}\0`));
  }

  start(program: ProgramExports): Uint8Array {
    this.#memory = program.memory;
    try {
      program._start();
    } catch (error) {
      if (!(error instanceof ProgramExit) || error.status !== 0) throw error;
    }
    return this.#file.subarray(0, this.#length);
  }

  readonly calls = {
    args_sizes_get: (count: number, bytes: number) => {
      this.#setNumber(count, this.#args.length);
      this.#setNumber(
        bytes,
        this.#args.reduce((sum, arg) => sum + arg.length, 0),
      );
      return success;
    },
    args_get: (pointers: number, bytes: number) => {
      let at = bytes;
      for (const [i, arg] of this.#args.entries()) {
        this.#setNumber(pointers + i * 4, at);
        this.#bytes().set(arg, at);
        at += arg.length;
      }
      return success;
    },
    clock_time_get: (_clock: number, _precision: bigint, result: number) => {
      this.#view().setBigUint64(result, BigInt(Date.now()) * 1_000_000n, true);
      return success;
    },
    fd_close: () => success,
    fd_fdstat_set_flags: () => success,
    fd_fdstat_get: (file: number, result: number) => {
      const type = fileTypes[file];
      if (type === undefined) return badFileNumber;
      this.#bytes().fill(0, result, result + 8);
      this.#bytes().fill(0xff, result + 8, result + 24); // every right
      this.#bytes()[result] = type;
      return success;
    },
    fd_prestat_get: (file: number, result: number) => {
      if (file !== folder) return badFileNumber;
      this.#setNumber(result, 0);
      this.#setNumber(result + 4, 1); // the length of its name, "/"
      return success;
    },
    fd_prestat_dir_name: (_file: number, name: number) => {
      this.#bytes()[name] = "/".charCodeAt(0);
      return success;
    },
    path_open: (...args: readonly (number | bigint)[]) => {
      this.#length = 0;
      this.#position = 0;
      this.#setNumber(Number(args[8]), output);
      return success;
    },
    fd_read: (_file: number, _buffers: number, _count: number, result: number) => {
      this.#setNumber(result, 0);
      return success;
    },
    fd_write: (file: number, buffers: number, count: number, result: number) => {
      let written = 0;
      for (let i = 0; i < count; i++) {
        const start = this.#view().getUint32(buffers + i * 8, true);
        const size = this.#view().getUint32(buffers + i * 8 + 4, true);
        if (file === output) this.#write(this.#bytes().subarray(start, start + size));
        written += size;
      }
      this.#setNumber(result, written);
      return success;
    },
    fd_seek: (file: number, offset: bigint, whence: number, result: number) => {
      if (file !== output) return badFileNumber;
      const from = [0, this.#position, this.#length][whence] ?? 0;
      this.#position = from + Number(offset);
      this.#view().setBigUint64(result, BigInt(this.#position), true);
      return success;
    },
    proc_exit: (status: number) => {
      throw new ProgramExit(status);
    },
  };

  #write(bytes: Uint8Array): void {
    const end = this.#position + bytes.length;
    if (end > this.#file.length) this.#file = Buffer.concat([this.#file], end * 2);
    this.#file.set(bytes, this.#position);
    this.#position = end;
    this.#length = Math.max(this.#length, end);
  }

  #setNumber(address: number, value: number): void {
    this.#view().setUint32(address, value, true);
  }

  /** The memory's buffer is another one after it has grown. */
  #view(): DataView {
    return new DataView(this.#memory.buffer);
  }

  #bytes(): Uint8Array {
    return new Uint8Array(this.#memory.buffer);
  }
}
