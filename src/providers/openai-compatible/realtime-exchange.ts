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
export function exchange<Message, Input>(
  options: ExchangeOptions<Message, Input>,
): AsyncIterable<Exchanged<Message, Input>> {
  return { [Symbol.asyncIterator]: () => new Exchange(options) };
}

/** What has come of one side: what the reader gets, and no more when it is the end. */
type Arrival<T> = { readonly result: IteratorResult<T, undefined> } | { readonly error: unknown };

/** Not a generator, for what ../../streams/tap.ts says of them: every piece of audio passes here. */
class Exchange<Message, Input> implements AsyncIterator<Exchanged<Message, Input>, undefined> {
  readonly #messages: AsyncIterator<Message>;
  readonly #input: AsyncIterator<Input>;
  readonly #wantsInput: () => boolean;
  readonly #quietMs: number | undefined;
  readonly #quiet: Watchdog;
  readonly #come: Arrival<Exchanged<Message, Input>>[] = [];
  /** Which side is to be asked when the reader wants more. */
  #askVendor = true;
  #askCaller = true;
  #over = false;
  #waiting: PromiseWithResolvers<IteratorResult<Exchanged<Message, Input>, undefined>> | undefined;

  constructor({ messages, input, wantsInput = () => true, quietMs }: ExchangeOptions<Message, Input>) {
    this.#messages = messages;
    this.#input = input[Symbol.asyncIterator]();
    this.#wantsInput = wantsInput;
    this.#quietMs = quietMs;
    this.#quiet = new Watchdog(() => this.#arrive(arrived({ from: "nobody" })));
  }

  next(): Promise<IteratorResult<Exchanged<Message, Input>, undefined>> {
    if (this.#over) return Promise.resolve({ done: true, value: undefined });
    this.#ask();
    this.#waiting = Promise.withResolvers();
    const { promise } = this.#waiting;
    const first = this.#come.shift();
    if (first) this.#tell(first);
    else if (this.#quietMs !== undefined) this.#quiet.wait(this.#quietMs);
    return promise;
  }

  async return(): Promise<IteratorResult<Exchanged<Message, Input>, undefined>> {
    this.#end();
    return { done: true, value: undefined };
  }

  #ask(): void {
    if (this.#askVendor) this.#messages.next().then(this.#heardVendor, this.#failed);
    this.#askVendor = false;
    if (!this.#askCaller || !this.#wantsInput()) return;
    this.#askCaller = false;
    this.#input.next().then(this.#heardCaller, this.#failed);
  }

  readonly #heardVendor = ({ done, value }: IteratorResult<Message>): void =>
    this.#arrive(done ? theEnd : arrived({ from: "vendor", message: value }));

  readonly #heardCaller = ({ done, value }: IteratorResult<Input>): void =>
    this.#arrive(arrived(done ? { from: "caller-end" } : { from: "caller", input: value }));

  readonly #failed = (error: unknown): void => this.#arrive({ error });

  #arrive(arrival: Arrival<Exchanged<Message, Input>>): void {
    if (this.#waiting) this.#tell(arrival);
    else this.#come.push(arrival);
  }

  #tell(arrival: Arrival<Exchanged<Message, Input>>): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    this.#quiet.rest();
    if ("error" in arrival || arrival.result.done) this.#end();
    else this.#goOn(arrival.result.value.from);
    if ("error" in arrival) waiting?.reject(arrival.error);
    else waiting?.resolve(arrival.result);
  }

  /** Whoever has spoken is asked again, but for a caller who has said everything. */
  #goOn(from: Exchanged<Message, Input>["from"]): void {
    if (from === "vendor") this.#askVendor = true;
    if (from === "caller") this.#askCaller = true;
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#quiet[Symbol.dispose]();
    this.#input.return?.().catch(() => undefined); // it fails for nobody: who reads has gone, or has an error of his own
  }
}

const theEnd = { result: { done: true, value: undefined } } as const;

function arrived<T>(value: T): Arrival<T> {
  return { result: { done: false, value } };
}
