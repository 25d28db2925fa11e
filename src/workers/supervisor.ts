import type { Logger } from "pino";
import { randomId } from "../core/random-id.ts";
import { sleep } from "../streams/signals.ts";
import { Acceptor } from "./acceptor.ts";
import { type GatheredAnswers, isForAll } from "./questions.ts";
import { crashesInRow, restartPauseMs } from "./restart-pause.ts";
import { type WorkerEnd, WorkerProcess } from "./worker-process.ts";

export interface SupervisorOptions {
  /** How many workers there are. */
  readonly workers: number;
  /** The file that a worker runs, with its number as the only argument. */
  readonly entry: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
  /** Of all workers together. */
  readonly maxConnections: number;
  readonly logger: Logger;
  /** Answers what a worker asks; may be a promise. */
  readonly answer: (question: unknown, asker: Asker) => unknown;
  /** After so long a worker that does not take a connection is ended, in milliseconds. 30 seconds when unset. */
  readonly patienceMs?: number;
  /** A worker has ended while the others serve, and another takes its place. */
  readonly onReplaced?: (worker: number, end: WorkerEnd) => void;
  /** A worker has ended. */
  readonly onEnded: (asker: Asker) => void;
}

/** A worker that asks: unlike its number, `id` is not that of another which comes after it. */
export interface Asker {
  readonly number: number;
  readonly id: string;
}

export interface Supervisor {
  readonly port: number;
  /**
   * Turns all workers unready, hands out connections for `delayMs` more, then frees the port, lets the calls of all workers
   * finish within the grace period, and ends them.
   */
  close(delayMs: number, graceMs: number): Promise<void>;
}

/** How long a worker may take to answer what another one asks. */
const longestAnswerMs = 1_000;
/** What a worker may take beyond the grace period to end by itself. */
const lastWordsMs = 5_000;

/**
 * Owns the port, keeps so many workers alive, and hands the connections out among them. The first worker starts alone, so
 * that what is done once (the master key, the database's form) is done once, and what it finds is what all of them have found;
 * then the others do. Throws when the first one
 * cannot start, or the port cannot be had.
 */
export async function superviseWorkers(options: SupervisorOptions): Promise<Supervisor> {
  const acceptor = new Acceptor(options);
  const crew = new Crew(options, acceptor);
  try {
    await crew.start();
    const port = await acceptor.listen(options.port, options.host);
    return {
      port,
      async close(delayMs, graceMs) {
        const closing = setTimeout(() => acceptor.close(), delayMs);
        await crew.end(delayMs + graceMs);
        clearTimeout(closing);
        acceptor.close();
      },
    };
  } catch (error) {
    await crew.end(0);
    throw error;
  }
}

/** The workers, each in its place. */
class Crew {
  readonly #options: SupervisorOptions;
  readonly #acceptor: Acceptor;
  readonly #workers = new Set<WorkerProcess>();
  readonly #ending = new AbortController();
  #found: unknown;

  constructor(options: SupervisorOptions, acceptor: Acceptor) {
    this.#options = options;
    this.#acceptor = acceptor;
  }

  async start(): Promise<void> {
    const first = this.#hire(1);
    const ready = await first.ready;
    if (!ready) throw new Error("the first worker ended at its start; its own last line says why");
    this.#found = ready.found;
    void this.#keep(first);
    const others = Array.from({ length: this.#options.workers - 1 }, (_, i) => this.#hire(i + 2));
    for (const worker of others) void this.#keep(worker);
    await Promise.all(others.map(({ ready }) => ready));
  }

  async end(withinMs: number): Promise<void> {
    this.#ending.abort();
    const force = setTimeout(() => {
      for (const worker of this.#workers) worker.kill();
    }, withinMs + lastWordsMs);
    for (const worker of this.#workers) worker.drain();
    await Promise.all([...this.#workers].map(({ ended }) => ended));
    clearTimeout(force);
  }

  #hire(number: number): WorkerProcess {
    const { entry, environment, onEnded } = this.#options;
    const asker = { number, id: randomId("worker") };
    const worker = new WorkerProcess({
      number,
      entry,
      environment,
      found: this.#found,
      onFree: () => this.#acceptor.handOut(),
      patienceMs: this.#options.patienceMs ?? 30_000,
      onStuck: (stuck) => this.#endStuck(stuck),
      onReturned: (socket) => this.#acceptor.takeBack(socket),
      answer: (question) => this.#answer(question, asker),
    });
    this.#workers.add(worker);
    void worker.ended.then(() => {
      this.#workers.delete(worker);
      onEnded(asker);
    });
    return worker;
  }

  /** Its callers are told so that it is broken, who else would wait for it for ever. */
  #endStuck(worker: WorkerProcess): void {
    this.#options.logger.error(
      { worker: worker.number, pid: worker.pid },
      "worker does not move any more; it is ended",
    );
    worker.kill();
  }

  /** A question for all workers is passed on to them; the others are answered here. */
  #answer(question: unknown, asker: Asker): unknown {
    return isForAll(question) ? this.#askAll(question.forAll) : this.#options.answer(question, asker);
  }

  /** The answers by number; who does not answer in time is left out. */
  async #askAll(question: unknown): Promise<GatheredAnswers> {
    const late = sleep(longestAnswerMs, this.#ending.signal).catch(() => undefined);
    const serving = [...this.#workers].filter((worker) => worker.serving).sort((a, b) => a.number - b.number);
    const asked = serving.map(async (worker) => {
      const answer = await Promise.race([worker.ask(question).catch(() => undefined), late]);
      return answer === undefined ? [] : [[worker.number, answer] as const];
    });
    return (await Promise.all(asked)).flat();
  }

  /** Follows a worker, and whoever comes after it in its place. */
  async #keep(first: WorkerProcess): Promise<void> {
    let worker = first;
    let crashes = 0;
    for (;;) {
      const end = await this.#follow(worker);
      if (this.#ending.signal.aborted) return;
      crashes = crashesInRow(crashes, end.lifeMs);
      const pauseMs = restartPauseMs(crashes);
      this.#tellOfEnd(worker, end, pauseMs);
      await sleep(pauseMs, this.#ending.signal).catch(() => undefined);
      if (this.#ending.signal.aborted) return;
      worker = this.#hire(first.number);
    }
  }

  async #follow(worker: WorkerProcess): Promise<WorkerEnd> {
    if (await worker.ready) {
      this.#options.logger.info({ worker: worker.number, pid: worker.pid }, "worker ready");
      this.#acceptor.join(worker);
    }
    const end = await worker.ended;
    this.#acceptor.leave(worker);
    return end;
  }

  /** The calls that it had are broken: their connections were closed with it. */
  #tellOfEnd({ number, pid, connections }: WorkerProcess, end: WorkerEnd, restartInMs: number): void {
    const line = { worker: number, pid, ...end, connections, restartInMs };
    this.#options.onReplaced?.(number, end);
    if (end.code === 0) {
      this.#options.logger.info(line, "worker ended; another takes its place");
      return;
    }
    this.#options.logger.error(line, "worker died; another takes its place");
  }
}
