import { ConnectError } from "@connectrpc/connect";
import { ErrorDetailSchema } from "../../gen/livellm/v1/error_pb.ts";

/**
 * Asks the next source when one fails before its first item; what has been sent is never taken back. When all fail, throws the last
 * error, with what was tried for each of them.
 */
export async function* firstToAnswer<T>(sources: readonly (() => AsyncGenerator<T>)[]): AsyncGenerator<T> {
  const errors: unknown[] = [];
  for (const open of sources) {
    let begun = false;
    try {
      for await (const item of open()) {
        begun = true;
        yield item;
      }
      return;
    } catch (error) {
      if (begun) throw error;
      errors.push(error);
    }
  }
  throw allOf(errors);
}

/** The last error, with the attempts of all. */
function allOf(errors: readonly unknown[]): unknown {
  const last = errors.at(-1);
  const [detail] = detailsOf(last);
  if (!(last instanceof ConnectError) || !detail || errors.length < 2) return last;
  const attempts = errors.flatMap(detailsOf).flatMap((one) => one.attempts);
  const details = [{ desc: ErrorDetailSchema, value: { ...detail, attempts } }];
  return new ConnectError(last.rawMessage, last.code, last.metadata, details, last);
}

function detailsOf(error: unknown) {
  return error instanceof ConnectError ? error.findDetails(ErrorDetailSchema) : [];
}
