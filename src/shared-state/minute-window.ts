const slotMs = 1_000;
/** The second that has begun, and sixty whole ones: what is counted is never less than the last 60 seconds. */
const slots = 61;

/** How much of something there was in the last 60 seconds, to the second. Times are in milliseconds of any clock. */
export class MinuteWindow {
  readonly #counts = new Float64Array(slots);
  #second = Number.NEGATIVE_INFINITY;

  add(amount: number, nowMs: number): void {
    this.#advance(nowMs);
    const slot = this.#second % slots;
    this.#counts[slot] = (this.#counts[slot] ?? 0) + amount;
  }

  /** How long until there is less than the limit; 0 when there is now. */
  waitMs(limit: number, nowMs: number): number {
    this.#advance(nowMs);
    let total = this.#counts.reduce((sum, count) => sum + count, 0);
    if (total < limit) return 0;
    for (let age = slots - 1; age >= 0; age--) {
      const second = this.#second - age;
      total -= this.#counts[(second + slots) % slots] ?? 0;
      if (total < limit) return (second + slots) * slotMs - nowMs;
    }
    return slots * slotMs;
  }

  /** Forgets the seconds that have become too old. A clock that goes back stands still. */
  #advance(nowMs: number): void {
    const second = Math.max(Math.floor(nowMs / slotMs), this.#second);
    const passed = Math.min(second - this.#second, slots);
    for (let i = 0; i < passed; i++) this.#counts[(second - i + slots) % slots] = 0;
    this.#second = second;
  }
}
