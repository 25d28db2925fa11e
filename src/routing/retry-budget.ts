/** How many further attempts of calls a provider gets; the window in milliseconds. */
export interface BudgetSettings {
  readonly windowMs: number;
  /** Of the first attempts in the window. */
  readonly share: number;
  /** So many are always allowed. */
  readonly least: number;
}

export const usualBudget: BudgetSettings = { windowMs: 10_000, share: 0.2, least: 10 };

/** The window is counted in so many slots: precise enough, and of a size that does not depend on the load. */
const slots = 10;

interface Slot {
  number: number;
  first: number;
  further: number;
}

/**
 * Limits how often calls that have tried a provider already try it once more, with another model or beside the first, so
 * that an outage is not multiplied by what is meant to get around it.
 */
export class RetryBudget {
  readonly #settings: BudgetSettings;
  readonly #slots: Slot[] = Array.from({ length: slots }, () => ({ number: -1, first: 0, further: 0 }));

  constructor(settings: BudgetSettings) {
    this.#settings = settings;
  }

  countFirst(nowMs: number): void {
    this.#slotAt(nowMs).first++;
  }

  /** Takes one further attempt from the budget; false when there is none left. */
  takeFurther(nowMs: number): boolean {
    const { share, least } = this.#settings;
    const current = this.#slotAt(nowMs);
    const recent = this.#slots.filter(({ number }) => number > current.number - slots);
    const first = recent.reduce((sum, slot) => sum + slot.first, 0);
    const further = recent.reduce((sum, slot) => sum + slot.further, 0);
    if (further >= Math.max(least, first * share)) return false;
    current.further++;
    return true;
  }

  #slotAt(nowMs: number): Slot {
    const number = Math.floor((nowMs * slots) / this.#settings.windowMs);
    const slot = this.#slots[((number % slots) + slots) % slots] as Slot;
    if (slot.number !== number) Object.assign(slot, { number, first: 0, further: 0 });
    return slot;
  }
}
