/**
 * What this process has said of its calls, said again well before it ceases to hold: a process that is killed says nothing,
 * and the places of its calls become free.
 */
export class KeptHolds implements Disposable {
  readonly #held = new Map<string, number>();
  readonly #tell: (caller: string, calls: number) => void;
  readonly #timer: NodeJS.Timeout;

  constructor(leaseMs: number, tell: (caller: string, calls: number) => void) {
    this.#tell = tell;
    this.#timer = setInterval(() => this.tellAll(), leaseMs / 3).unref();
  }

  note(caller: string, calls: number): void {
    if (calls > 0) this.#held.set(caller, calls);
    else this.#held.delete(caller);
  }

  tellAll(): void {
    for (const [caller, calls] of this.#held) this.#tell(caller, calls);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
