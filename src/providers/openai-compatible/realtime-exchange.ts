import { Watchdog } from "../../streams/watchdog.ts";

/** What happens next in a session. */
export type Exchanged<Message, Input> =
  | { readonly from: "vendor"; readonly message: Message }
  | { readonly from: "caller"; readonly input: Input }
  /** The caller has said everything. Once. */
  | { readonly from: "caller-end" }
  /** Neither has said anything for `quietMs`. */
  | { readonly from: "nobody" };

export interface ExchangeOptions<Message, Input> {
  /** What the vendor says; its end is the end of the exchange. */
  readonly messages: AsyncIterator<Message>;
  readonly input: AsyncIterable<Input>;
  /** Whether the caller may say more now; always, when absent. Asked whenever the exchange goes on. */
  readonly wantsInput?: () => boolean;
  readonly quietMs?: number;
}

/**
 * Both sides of a session as one stream, in the order in which they speak: whoever reads it has one loop and no races. Each
 * side is asked for one thing at a time, and only while the reader wants more, so that back-pressure reaches both. A failure
 * of either side is thrown. At the end the caller's side is told that no more is wanted, and not waited for.
 */
export async function* exchange<Message, Input>(
  options: ExchangeOptions<Message, Input>,
): AsyncGenerator<Exchanged<Message, Input>> {
  const { messages, wantsInput = () => true } = options;
  const input = options.input[Symbol.asyncIterator]();
  using arrivals = new Arrivals<Exchanged<Message, Input> | undefined>(() => ({ from: "nobody" }), options.quietMs);
  let askVendor = true;
  let askCaller = true;
  try {
    for (;;) {
      if (askVendor) arrivals.expect(messages.next().then(toMessage<Message>));
      askVendor = false;
      if (askCaller && wantsInput()) {
        askCaller = false;
        arrivals.expect(input.next().then(toInput<Input>));
      }
      const arrival = await arrivals.next();
      if (arrival === undefined) return;
      yield arrival;
      askVendor = arrival.from === "vendor";
      askCaller ||= arrival.from === "caller";
    }
  } finally {
    input.return?.().catch(() => undefined); // it fails for nobody: who reads has gone, or has an error of his own
  }
}

function toMessage<Message>({ done, value }: IteratorResult<Message>) {
  return done ? undefined : ({ from: "vendor", message: value } as const);
}

function toInput<Input>({ done, value }: IteratorResult<Input>) {
  return done ? ({ from: "caller-end" } as const) : ({ from: "caller", input: value } as const);
}

/** What was asked for and has come. Racing a promise that stays open would keep every racer, so each tells of itself. */
class Arrivals<T> implements Disposable {
  readonly #come: Promise<T>[] = [];
  readonly #quiet: Watchdog;
  readonly #quietMs: number | undefined;
  #wake: (() => void) | undefined;

  constructor(quiet: () => T, quietMs: number | undefined) {
    this.#quiet = new Watchdog(() => this.#arrive(Promise.resolve(quiet())));
    this.#quietMs = quietMs;
  }

  expect(outcome: Promise<T>): void {
    const arrive = () => this.#arrive(outcome);
    outcome.then(arrive, arrive);
  }

  async next(): Promise<T> {
    if (this.#quietMs !== undefined) this.#quiet.wait(this.#quietMs);
    for (;;) {
      const first = this.#come.shift();
      if (first) {
        this.#quiet.rest();
        return first;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  [Symbol.dispose](): void {
    this.#quiet[Symbol.dispose]();
  }

  #arrive(outcome: Promise<T>): void {
    this.#come.push(outcome);
    this.#wake?.();
  }
}
