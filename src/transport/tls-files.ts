import { type FSWatcher, watch } from "node:fs";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { createSecureContext } from "node:tls";

/** Where the certificate and its key are, as PEM; `clientCa` names who has to have signed the certificates of callers. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
  readonly clientCa?: string;
}

/** What is in the files. */
export interface TlsMaterial {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca?: Buffer;
}

/** Reads the files. Throws an Error that says which cannot be read, or that they do not fit together. */
export async function readTlsFiles({ cert, key, clientCa }: TlsFiles): Promise<TlsMaterial> {
  const material = {
    cert: await read(cert),
    key: await read(key),
    ...(clientCa !== undefined && { ca: await read(clientCa) }),
  };
  try {
    createSecureContext(material);
  } catch (cause) {
    // OpenSSL's words are of the files' form ("key values mismatch"), never of what is in them.
    const what = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`the TLS certificate and key cannot be used: ${what}`, { cause });
  }
  return material;
}

async function read(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? ` (${String(cause.code)})` : "";
    throw new Error(`the TLS file ${file} cannot be read${code}`, { cause });
  }
}

export interface FollowOptions {
  readonly files: TlsFiles;
  /** What is in use now. */
  readonly current: TlsMaterial;
  readonly changed: (material: TlsMaterial) => void;
  /** The files changed and cannot be used; what was in use stays. Told once for each state of the files. */
  readonly failed: (error: Error) => void;
  /** Some file systems tell of no change; they are looked at so often. */
  readonly pollIntervalMs: number;
}

/** A file that is being written is not complete yet; a certificate and its key are two files. */
const settleMs = 100;

/** Looks at the files whenever their folders change, and now and then, until it is disposed. */
export function followTlsFiles(options: FollowOptions): Disposable {
  const follower = new Follower(options);
  const folders = new Set(pathsOf(options.files).map((file) => path.dirname(file)));
  const watchers = [...folders].flatMap((folder) => watchFolder(folder, () => follower.lookSoon()));
  const poll = setInterval(() => follower.lookSoon(), options.pollIntervalMs).unref();
  return {
    [Symbol.dispose]() {
      clearInterval(poll);
      for (const watcher of watchers) watcher.close();
      follower[Symbol.dispose]();
    },
  };
}

function pathsOf({ cert, key, clientCa }: TlsFiles): readonly string[] {
  return [cert, key, ...(clientCa === undefined ? [] : [clientCa])];
}

/** The folder, not the file: new certificates come by renaming, and in Kubernetes by another link. */
function watchFolder(folder: string, changed: () => void): readonly FSWatcher[] {
  try {
    return [watch(folder, { persistent: false }, changed).on("error", ignore)];
  } catch {
    return []; // no more watches to be had: the poll is left
  }
}

function ignore(): void {}

/** Compares what is in the files with what is in use. */
class Follower implements Disposable {
  readonly #options: FollowOptions;
  #current: TlsMaterial;
  #lastFault = "";
  #timer: NodeJS.Timeout | undefined;
  #over = false;

  constructor(options: FollowOptions) {
    this.#options = options;
    this.#current = options.current;
  }

  lookSoon(): void {
    if (this.#over) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#look(), settleMs).unref();
  }

  async #look(): Promise<void> {
    try {
      const material = await readTlsFiles(this.#options.files);
      this.#lastFault = "";
      if (this.#over || sameMaterial(material, this.#current)) return;
      this.#current = material;
      this.#options.changed(material);
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #fail(error: Error): void {
    if (this.#over || error.message === this.#lastFault) return;
    this.#lastFault = error.message;
    this.#options.failed(error);
  }

  [Symbol.dispose](): void {
    this.#over = true;
    clearTimeout(this.#timer);
  }
}

function sameMaterial(a: TlsMaterial, b: TlsMaterial): boolean {
  const same = (one?: Buffer, other?: Buffer) => (one && other ? one.equals(other) : one === other);
  return same(a.cert, b.cert) && same(a.key, b.key) && same(a.ca, b.ca);
}
