import type { Terminal } from "./terminal.ts";

/** While it is in scope, ctrl-C (SIGINT), SIGTERM and an output that nobody reads any more abort `signal`. */
export interface Interrupt extends Disposable {
  readonly signal: AbortSignal;
}

/** The first interrupt aborts; a second one ends the process, as it would without this. */
export function listenForInterrupt({ output }: Terminal): Interrupt {
  const controller = new AbortController();
  const abort = () => {
    stop();
    controller.abort();
  };
  const stop = () => {
    for (const signal of signals) process.removeListener(signal, abort);
    output.removeListener("error", abort);
  };
  for (const signal of signals) process.once(signal, abort);
  output.once("error", abort);
  return { signal: controller.signal, [Symbol.dispose]: stop };
}

const signals = ["SIGINT", "SIGTERM"] as const;
