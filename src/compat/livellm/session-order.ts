import { type LinkedController, linkedController } from "../../streams/signals.ts";

/** A session's place among those of its id. */
export interface Turn extends Disposable {
  /** Aborted when the session is cancelled, or the client is gone. */
  readonly signal: AbortSignal;
  /** Resolves when all the sessions before it are over. */
  readonly come: Promise<void>;
}

/** A turn as it is kept until it is over. */
interface OpenTurn {
  readonly controller: LinkedController;
  readonly over: PromiseWithResolvers<void>;
}

/**
 * Sessions run side by side, but for those of one id, and those of none: nobody could tell their replies apart, so they run one
 * after the other. Clients before 1.5 send no id, and expect the replies in the order of their requests.
 */
export class SessionOrder {
  readonly #lines = new Map<string, OpenTurn[]>();

  /** The turn of a session, to be disposed of when the session is over. */
  enter(id: unknown, client: AbortSignal): Turn {
    const key = keyOf(id);
    const line = this.#lines.get(key) ?? [];
    const before = line.at(-1);
    const turn = { controller: linkedController(client), over: Promise.withResolvers<void>() };
    line.push(turn);
    this.#lines.set(key, line);
    return {
      signal: turn.controller.signal,
      come: before?.over.promise ?? Promise.resolve(),
      [Symbol.dispose]: () => this.#leave(key, turn),
    };
  }

  /** Ends what runs under an id, and what waits there. */
  cancel(id: unknown, reason: unknown): void {
    for (const { controller } of this.#lines.get(keyOf(id)) ?? []) controller.abort(reason);
  }

  #leave(key: string, turn: OpenTurn): void {
    const rest = (this.#lines.get(key) ?? []).filter((other) => other !== turn);
    if (rest.length > 0) this.#lines.set(key, rest);
    else this.#lines.delete(key);
    turn.controller[Symbol.dispose]();
    turn.over.resolve();
  }
}

/** An id is whatever came; one that did not come is an id too. */
function keyOf(id: unknown): string {
  return JSON.stringify(id) ?? "";
}
