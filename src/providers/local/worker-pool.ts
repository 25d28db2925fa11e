import { Worker } from "node:worker_threads";
import { LivellmError } from "../../core/error.ts";

/** How a pool runs its workers. */
export interface WorkerPoolOptions {
  /** The name of a file in this folder, without its ending; it calls `answerRequests`. */
  readonly file: string;
  readonly size: number;
  /** What every worker is told at its start. */
  readonly setup: unknown;
  /** For messages: what the workers do, such as "speech by flite". */
  readonly purpose: string;
}

/** What a worker is started with. */
export interface WorkerStart {
  readonly setup: unknown;
  /** One number: the request that is not wanted any more. */
  readonly cancelled: SharedArrayBuffer;
}

/** A request to a worker, and its answer. */
export interface WorkerRequest {
  readonly id: number;
  readonly request: unknown;
}

/** Asks a worker to end as soon as it has nothing under way. */
export const endWorker = "end";

export type WorkerAnswer = { readonly id: number } & ({ readonly answer: unknown } | { readonly error: string });

/** A worker without work is ended after so long, and its memory with it; the next request starts another. */
const idleMs = 60_000;

/** More requests than this wait for no worker: who comes then is refused. */
const longestQueue = 256;

interface Job<Request, Answer> {
  readonly request: Request;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Worker threads for work that would hold up the event loop. Each does one request at a time; requests wait in order. A
 * pool without work keeps no process alive, and after a minute no memory.
 */
export class WorkerPool<Request, Answer> {
  readonly #options: WorkerPoolOptions;
  readonly #queue: Job<Request, Answer>[] = [];
  readonly #seats: Seat<Request, Answer>[];
  #closed = false;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    this.#seats = Array.from({ length: options.size }, () => new Seat(options, () => this.#assign()));
  }

  /** Whether a request would be done at once. */
  get idle(): boolean {
    return this.#queue.length === 0 && this.#seats.some(({ busy }) => !busy);
  }

  /** Rejects with the signal's reason as soon as it aborts; the worker is told, and stops where it can. */
  run(request: Request, signal: AbortSignal): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    if (signal.aborted) return Promise.reject(signal.reason);
    if (this.#closed) return Promise.reject(ended(this.#options.purpose));
    if (this.#queue.length >= longestQueue) return Promise.reject(overloaded(this.#options.purpose));
    const job: Job<Request, Answer> = { request, resolve, reject };
    const cancel = () => {
      reject(signal.reason);
      this.#drop(job);
    };
    signal.addEventListener("abort", cancel, { once: true });
    this.#queue.push(job);
    this.#assign();
    return promise.finally(() => signal.removeEventListener("abort", cancel));
  }

  /** Ends the workers; what they were doing, what waits, and what comes after, rejects. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const job of this.#queue.splice(0)) job.reject(ended(this.#options.purpose));
    await Promise.all(this.#seats.map((seat) => seat.close()));
  }

  #assign(): void {
    for (const seat of [...this.#seats].sort(warmFirst)) {
      if (seat.busy) continue;
      const job = this.#queue.shift();
      if (!job) return;
      seat.do(job);
    }
  }

  #drop(job: Job<Request, Answer>): void {
    const at = this.#queue.indexOf(job);
    if (at >= 0) this.#queue.splice(at, 1);
    else this.#seats.find(({ job: current }) => current === job)?.cancel();
  }
}

function warmFirst(a: { readonly warm: boolean }, b: { readonly warm: boolean }): number {
  return Number(b.warm) - Number(a.warm);
}

/** A place for one worker, which comes with the first request and goes when there are none. */
class Seat<Request, Answer> {
  job: Job<Request, Answer> | undefined;
  readonly #options: WorkerPoolOptions;
  readonly #onFree: () => void;
  readonly #cancelled = new SharedArrayBuffer(4);
  #worker: Worker | undefined;
  #requestId = 0;
  #idleTimer: NodeJS.Timeout | undefined;

  constructor(options: WorkerPoolOptions, onFree: () => void) {
    this.#options = options;
    this.#onFree = onFree;
  }

  get busy(): boolean {
    return this.job !== undefined;
  }

  get warm(): boolean {
    return this.#worker !== undefined;
  }

  do(job: Job<Request, Answer>): void {
    clearTimeout(this.#idleTimer);
    this.job = job;
    this.#worker ??= this.#start();
    this.#worker.ref();
    const message: WorkerRequest = { id: ++this.#requestId, request: job.request };
    this.#worker.postMessage(message);
  }

  /** The worker is busy until it answers all the same. */
  cancel(): void {
    Atomics.store(new Int32Array(this.#cancelled), 0, this.#requestId);
  }

  /**
   * Never by `terminate()`: it interrupts native code, and onnxruntime-node answers that by aborting the whole process.
   * What is under way is cancelled, and ends within a step.
   */
  async close(): Promise<void> {
    clearTimeout(this.#idleTimer);
    const worker = this.#worker;
    this.#worker = undefined;
    this.job?.reject(ended(this.#options.purpose));
    this.job = undefined;
    this.cancel();
    if (!worker) return;
    worker.ref();
    worker.postMessage(endWorker);
    await new Promise((resolve) => worker.once("exit", resolve));
  }

  #start(): Worker {
    const { file, setup } = this.#options;
    const start: WorkerStart = { setup, cancelled: this.#cancelled };
    // Without the flags of this process: `--input-type` and `--eval`, for one, are not for a file.
    const worker = new Worker(workerUrl(file), { workerData: start, execArgv: [] });
    worker.on("message", (answer: WorkerAnswer) => this.#settle(answer));
    worker.on("error", (error) => this.#lost(worker, error));
    worker.on("exit", () => this.#lost(worker, undefined));
    return worker;
  }

  #settle(answer: WorkerAnswer): void {
    if (answer.id !== this.#requestId) return;
    if ("error" in answer) this.job?.reject(failed(this.#options.purpose, answer.error));
    else this.job?.resolve(answer.answer as Answer);
    this.#rest();
  }

  #rest(): void {
    this.job = undefined;
    this.#worker?.unref();
    this.#idleTimer = setTimeout(() => void this.close(), idleMs).unref();
    this.#onFree();
  }

  /** A worker that died by itself: the next request gets another. */
  #lost(worker: Worker, cause: unknown): void {
    if (worker !== this.#worker) return;
    this.#worker = undefined;
    this.job?.reject(failed(this.#options.purpose, "its worker thread ended", cause));
    this.job = undefined;
    this.#onFree();
  }
}

/** The sources run as they are, and compiled. */
function workerUrl(file: string): URL {
  return new URL(`./${file}${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url);
}

function failed(purpose: string, problem: string, cause?: unknown): LivellmError {
  return new LivellmError("internal", "internal", `the local engine failed at ${purpose}: ${problem}`, { cause });
}

function ended(purpose: string): LivellmError {
  return new LivellmError("unavailable", "provider_unavailable", `the local engine is closed: no more ${purpose}`);
}

function overloaded(purpose: string): LivellmError {
  const message = `the local engine has too much to do: ${longestQueue} requests wait for ${purpose}`;
  return new LivellmError("resource_exhausted", "overloaded", message, { retryAfterMs: 1000 });
}
