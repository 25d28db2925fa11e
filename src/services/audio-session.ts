import { invalidRequest } from "../core/error.ts";

/** A session's opening, and what comes behind it. */
export interface OpenedSession<S, T> {
  readonly start: S;
  readonly rest: AsyncIterable<T>;
}

/**
 * Takes the first message of a session, which is its `start`, off the others. Throws `invalid_argument` when the caller ends
 * without one, or sends nothing for `timeoutMs`.
 */
export async function openSession<M, S, T>(
  messages: AsyncIterable<M>,
  read: { readonly start: (message: M) => S | undefined; readonly input: (message: M) => T | undefined },
  timeoutMs: number,
): Promise<OpenedSession<S, T>> {
  const iterator = messages[Symbol.asyncIterator]();
  const first = await within(iterator.next(), timeoutMs);
  const start = first.done ? undefined : read.start(first.value);
  if (start === undefined) throw noStart("the first message of the stream must be start");
  return { start, rest: restOf(iterator, read.input) };
}

/** Not a generator, for what ../streams/tap.ts says of them: a session may send hundreds of messages a second. */
function restOf<M, T>(iterator: AsyncIterator<M>, input: (message: M) => T | undefined): AsyncIterable<T> {
  const next = (): Promise<IteratorResult<T, undefined>> => iterator.next().then(pass);
  const pass = ({ done, value }: IteratorResult<M>): IteratorResult<T, undefined> | ReturnType<typeof next> => {
    if (done) return { done: true, value: undefined };
    const item = input(value);
    return item === undefined ? next() : { done: false, value: item };
  };
  return { [Symbol.asyncIterator]: () => ({ next }) };
}

async function within<T>(next: Promise<T>, timeoutMs: number): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(noStart(`nothing came for ${timeoutMs / 1000} s`)), timeoutMs);
  try {
    return await Promise.race([next, late]);
  } finally {
    clearTimeout(timer);
  }
}

function noStart(description: string) {
  return invalidRequest([{ field: "start", description, reason: "REQUIRED" }]);
}
