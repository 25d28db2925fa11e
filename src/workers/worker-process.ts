import { type ChildProcess, fork } from "node:child_process";
import type { Socket } from "node:net";
import type { Receiver } from "./acceptor.ts";
import { Questions } from "./questions.ts";
import type { FromWorker, ToWorker } from "./worker-messages.ts";

/** How a worker ended. */
export interface WorkerEnd {
  readonly code: number | null;
  readonly signal: string | null;
  readonly lifeMs: number;
}

export interface WorkerProcessOptions {
  /** Its place, from 1; it is in each of its log lines. */
  readonly number: number;
  /** The file it runs. */
  readonly entry: string;
  readonly environment: NodeJS.ProcessEnv;
  /** What the first worker has found at its start; it gets it as its second argument, in JSON. */
  readonly found?: unknown;
  /** It may be given a connection again. */
  readonly onFree: () => void;
  /** It has ended without having taken this connection, of which nobody has read anything. */
  readonly onReturned: (socket: Socket) => void;
  /** Answers what it asks; may be a promise. */
  readonly answer: (question: unknown, worker: WorkerProcess) => unknown;
  /** It has not taken a connection for so long that it will not any more. */
  readonly onStuck: (worker: WorkerProcess) => void;
  /** How long that is, in milliseconds. */
  readonly patienceMs: number;
}

/** One worker, from its start to its end; node's own options (`--max-semi-space-size` and the like) are those of this process. */
export class WorkerProcess implements Receiver {
  readonly number: number;
  /** What it has found at its start, once it has come to serve; undefined when it ended first. */
  readonly ready: Promise<{ readonly found: unknown } | undefined>;
  readonly ended: Promise<WorkerEnd>;
  /** Those that it was given and has not closed. */
  connections = 0;
  readonly #options: WorkerProcessOptions;
  readonly #child: ChildProcess;
  readonly #questions: Questions;
  readonly #startMs = performance.now();
  readonly #ready = Promise.withResolvers<{ readonly found: unknown } | undefined>();
  readonly #ended = Promise.withResolvers<WorkerEnd>();
  #serving = false;
  /**
   * The last connection it was given, until it says that it has taken it: one that is stuck gets no more of them. It stays
   * open here for so long, because node never closes what was on its way to a process that died.
   */
  #offered: Socket | undefined;
  #patience: NodeJS.Timeout | undefined;

  constructor(options: WorkerProcessOptions) {
    const { number, entry, environment, found } = options;
    this.#options = options;
    this.number = number;
    this.ready = this.#ready.promise;
    this.ended = this.#ended.promise;
    this.#questions = new Questions(
      (message) => this.#tell(message),
      (question) => options.answer(question, this),
    );
    this.#child = fork(entry, [String(number), ...(found === undefined ? [] : [JSON.stringify(found)])], {
      env: environment,
    });
    this.#child.on("message", (message) => this.#hear(message as FromWorker));
    this.#child.once("exit", (code, signal) => {
      // What it has said before it died may still be unread.
      if (this.#child.connected) this.#child.once("disconnect", () => this.#end(code, signal));
      else this.#end(code, signal);
    });
    // It could not be started, or told something: its exit says the rest, where there is one.
    this.#child.on("error", () => {
      if (this.#child.pid === undefined) this.#end(null, null);
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get free(): boolean {
    return this.#serving && this.#offered === undefined;
  }

  /** Whether it can be asked; before it serves it has no answers. */
  get serving(): boolean {
    return this.#serving;
  }

  give(socket: Socket): void {
    this.#offered = socket;
    this.connections++;
    this.#expectTaken();
    const connection: ToWorker = { type: "connection" };
    // What fails here fails because it ends, which its end tells.
    this.#child.send(connection, socket, { keepOpen: true }, () => undefined);
  }

  /** Lets its calls finish, and ends it. */
  drain(): void {
    this.#tell({ type: "drain" });
  }

  /** Rejects when it cannot answer, or ends. */
  ask(question: unknown): Promise<unknown> {
    return this.#questions.ask(question);
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }

  #tell(message: ToWorker): void {
    // Its end, which is not far when it cannot be told anything, says the rest.
    if (this.#child.connected) this.#child.send(message, () => undefined);
  }

  #hear(message: FromWorker): void {
    switch (message.type) {
      case "ready":
        this.#serving = true;
        this.#ready.resolve({ found: message.found });
        break;
      case "taken":
        clearTimeout(this.#patience);
        this.#offered?.destroy();
        this.#offered = undefined;
        this.#options.onFree();
        break;
      case "closed":
        this.connections--;
        break;
      case "draining":
        this.#serving = false;
        break;
      case "question":
      case "answer":
        this.#questions.hear(message);
        break;
      default:
        message satisfies never;
    }
  }

  #end(code: number | null, signal: string | null): void {
    this.#serving = false;
    clearTimeout(this.#patience);
    this.#return();
    this.#questions.end();
    this.#ready.resolve(undefined);
    this.#ended.resolve({ code, signal, lifeMs: Math.round(performance.now() - this.#startMs) });
  }

  /** In two parts: on a machine that was asleep the first one ends as it wakes, before anybody could answer. */
  #expectTaken(): void {
    const half = this.#options.patienceMs / 2;
    this.#patience = setTimeout(() => {
      this.#patience = setTimeout(() => this.#options.onStuck(this), half);
    }, half);
  }

  #return(): void {
    if (!this.#offered) return;
    this.connections--;
    this.#options.onReturned(this.#offered);
    this.#offered = undefined;
  }
}
