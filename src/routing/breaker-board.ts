import type { OpenBreaker, SharedBreakers } from "../core/shared-state.ts";
import { type BreakerSettings, CircuitBreaker, usualBreaker } from "./circuit-breaker.ts";
import { type Clock, steadyClock } from "./clock.ts";

/** A breaker that is open in some process. */
export interface ListedBreaker {
  readonly openUntilMs: number;
  readonly pauseMs: number;
}

export interface BreakerBoardOptions {
  readonly shared: SharedBreakers;
  readonly clock?: Clock;
  readonly settings?: BreakerSettings;
  /** How often it is asked what the others have found out. Half a second when unset. */
  readonly intervalMs?: number;
}

/** What the processes that count together tell each other of models that do not answer: each learns of it by looking. */
export class BreakerBoard implements Disposable {
  readonly shared: SharedBreakers;
  readonly #clock: Clock;
  readonly #settings: BreakerSettings;
  readonly #timer: NodeJS.Timeout;
  #listed: ReadonlyMap<string, ListedBreaker> = new Map();
  #looks = 0;
  #lastSeen = 0;

  constructor({ shared, clock = steadyClock, settings = usualBreaker, intervalMs = 500 }: BreakerBoardOptions) {
    this.shared = shared;
    this.#clock = clock;
    this.#settings = settings;
    this.#timer = setInterval(() => void this.look(), intervalMs).unref();
  }

  /** How many looks have begun. */
  get looks(): number {
    return this.#looks;
  }

  /** Which look it was that brought what `find` finds. */
  get lastSeen(): number {
    return this.#lastSeen;
  }

  find(name: string): ListedBreaker | undefined {
    return this.#listed.get(name);
  }

  /** A breaker that goes along with the others of its name. */
  create(name: string): CircuitBreaker {
    return new SharedCircuitBreaker(this, name, this.#settings);
  }

  async look(): Promise<void> {
    const look = ++this.#looks;
    const found = await this.shared.list();
    if (!found || look < this.#lastSeen) return;
    const now = this.#clock();
    this.#listed = new Map(found.map(({ name, restMs, pauseMs }) => [name, { openUntilMs: now + restMs, pauseMs }]));
    this.#lastSeen = look;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

/** How long a claim that was granted waits for a call that probes; it ends before others may claim. */
const claimKeptMs = 10_000;
/** How long to wait after another process was granted the claim. */
const claimPauseMs = 1_000;

/** Opens and closes with those of the other processes, of which one at a time probes. */
class SharedCircuitBreaker extends CircuitBreaker {
  readonly #board: BreakerBoard;
  readonly #name: string;
  #wasListed = false;
  #followed = 0;
  /** What was looked up before this one told of itself is old. */
  #oldLooks = 0;
  #claim: "none" | "asked" | "granted" = "none";
  #claimUntilMs = Number.NEGATIVE_INFINITY;

  constructor(board: BreakerBoard, name: string, settings: BreakerSettings) {
    super(settings);
    this.#board = board;
    this.#name = name;
  }

  override mayCall(nowMs: number): "yes" | "probe" | "no" {
    this.#follow();
    return super.mayCall(nowMs);
  }

  /** The answer of the others comes later: the call that asks is not the one that probes, the next one is. */
  override claimProbe(nowMs: number): boolean {
    if (this.#claim === "asked" || (this.#claim === "none" && nowMs < this.#claimUntilMs)) return false;
    const granted = this.#claim === "granted" && nowMs < this.#claimUntilMs;
    this.#claim = "none";
    if (!granted) this.#askForClaim(nowMs);
    return granted;
  }

  override answered(): void {
    const wasOpen = this.open;
    super.answered();
    if (wasOpen) this.#tell();
  }

  override succeeded(): void {
    const wasOpen = this.open;
    super.succeeded();
    if (wasOpen) this.#tell();
  }

  override failed(nowMs: number, wasProbe: boolean, retryAfterMs?: number): void {
    const before = this.openUntil;
    super.failed(nowMs, wasProbe, retryAfterMs);
    if (this.open && this.openUntil !== before) this.#tell(this.openUntil - nowMs);
  }

  #follow(): void {
    const { lastSeen } = this.#board;
    if (lastSeen === this.#followed || lastSeen <= this.#oldLooks) return;
    this.#followed = lastSeen;
    const listed = this.#board.find(this.#name);
    if (listed) this.openedElsewhere(listed);
    else if (this.#wasListed) super.answered();
    this.#wasListed = listed !== undefined;
  }

  #tell(restMs?: number): void {
    this.#oldLooks = this.#board.looks;
    this.#wasListed = false;
    this.#claim = "none";
    this.#claimUntilMs = Number.NEGATIVE_INFINITY;
    const state: OpenBreaker = { name: this.#name, restMs: Math.max(restMs ?? 0, 0), pauseMs: this.pauseMs };
    if (restMs === undefined) this.#board.shared.close(this.#name);
    else this.#board.shared.open(state);
  }

  #askForClaim(nowMs: number): void {
    this.#claim = "asked";
    void Promise.resolve(this.#board.shared.claimProbe(this.#name)).then((granted) => {
      this.#claim = granted ? "granted" : "none";
      this.#claimUntilMs = nowMs + (granted ? claimKeptMs : claimPauseMs);
    });
  }
}
