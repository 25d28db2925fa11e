import { orAborted } from "./abortable.ts";
import { Channel } from "./channel.ts";

/** What one side of a session makes and the other reads. A reader who is slow slows the maker. */
export class Outbox<T> {
  readonly channel: Channel<T>;
  #room = Promise.withResolvers<void>();

  /** `capacity`: after so many unread items the maker waits. */
  constructor(capacity: number) {
    this.channel = new Channel(capacity, () => {
      const { resolve } = this.#room;
      this.#room = Promise.withResolvers();
      resolve();
    });
  }

  /** Resolves when there is room for more; rejects with the signal's reason, as when the reader is gone. */
  async send(item: T, signal: AbortSignal): Promise<void> {
    if (!this.channel.push(item)) await orAborted(this.#room.promise, signal);
  }
}
