import type { AccessToken } from "../core/access.ts";
import { LivellmError } from "../core/error.ts";

/** What it writes to. */
export interface UseStore {
  noteUse(id: string, time: Date): Promise<void>;
}

const oneMinuteMs = 60_000;

/** When tokens were used, to about a minute: each is written once a minute at most, and no call waits for it. */
export class LastUse {
  readonly #times = new Map<string, Date>();
  readonly #store: UseStore;
  readonly #warn: (message: string) => void;

  constructor(store: UseStore, warn: (message: string) => void) {
    this.#store = store;
    this.#warn = warn;
  }

  note({ id }: AccessToken): void {
    const now = new Date();
    const last = this.#times.get(id);
    if (last && now.getTime() - last.getTime() < oneMinuteMs) return;
    this.#times.set(id, now);
    this.#store.noteUse(id, now).catch((error: unknown) => {
      // That its database is away, the store has said itself.
      if (error instanceof LivellmError && error.code === "unavailable") return;
      this.#warn(`it cannot be written down that the token ${id} was used`);
    });
  }

  /** The later of what was read and what this process has seen. */
  of({ id, lastUseTime }: AccessToken): Date | undefined {
    const seen = this.#times.get(id);
    return seen && lastUseTime && lastUseTime > seen ? lastUseTime : (seen ?? lastUseTime);
  }
}
