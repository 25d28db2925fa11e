import { randomBytes } from "node:crypto";
import type { Secret } from "../core/secret.ts";
import { packageVersion } from "./package-version.ts";

/** Sends bytes somewhere; what a pool of src/upstream/fetch.ts does. */
export type Post = (url: string, init: RequestInit) => Promise<Response>;

/** What an item is, and what Sentry's limits call it. */
type ItemType = "event" | "transaction";
const categories = { event: "error", transaction: "transaction" } as const;

const sendTimeoutMs = 10_000;
/** Those beyond are dropped: faults that come so fast are one fault. */
const maxUnderWay = 32;
/** How long one warning stands for those that follow it, and how long Sentry is left alone when it does not say. */
const quietMs = 60_000;

/** Sends envelopes to Sentry (its "Envelopes" and "Rate Limiting"), one for each item, and keeps to what it allows. */
export class SentrySender {
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #post: Post;
  readonly #warn: (message: string) => void;
  readonly #underWay = new Set<Promise<void>>();
  readonly #limitedUntil = new Map<string, number>();
  #silentUntil = 0;

  constructor(dsn: Secret, post: Post, warn: (message: string) => void) {
    const { origin, pathname, username } = new URL(dsn.reveal());
    const [, folder, project] = /^(.*)\/(\d+)$/.exec(pathname) ?? [];
    const client = `livellm/${packageVersion()}`;
    this.#url = `${origin}${folder}/api/${project}/envelope/`;
    this.#headers = {
      "content-type": "application/x-sentry-envelope",
      "x-sentry-auth": `Sentry sentry_version=7, sentry_client=${client}, sentry_key=${username}`,
    };
    this.#post = post;
    this.#warn = warn;
  }

  /** Never waits, never throws. */
  send(type: ItemType, item: object): void {
    if (this.#underWay.size >= maxUnderWay || this.#isLimited(categories[type])) return;
    const sending = this.#send(envelope(type, item)).finally(() => this.#underWay.delete(sending));
    this.#underWay.add(sending);
  }

  /** Waits for what is being sent. */
  async close(graceMs: number): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, graceMs);
    await Promise.race([Promise.all(this.#underWay), late]);
    clearTimeout(timer);
  }

  async #send(body: string): Promise<void> {
    try {
      const signal = AbortSignal.timeout(sendTimeoutMs);
      const answer = await this.#post(this.#url, { method: "POST", headers: this.#headers, body, signal });
      this.#heed(answer);
      await answer.body?.cancel();
      if (!answer.ok) this.#tell(`it answers ${answer.status}`);
    } catch (error) {
      this.#tell(error instanceof Error ? error.message : String(error));
    }
  }

  #heed({ status, headers }: Response): void {
    const limits = headers.get("x-sentry-rate-limits");
    for (const [, seconds, names = ""] of limits?.matchAll(/(\d+):([\w;]*)/g) ?? []) {
      for (const name of names.split(";")) this.#limit(name, Number(seconds) * 1000);
    }
    if (status === 429 && limits === null) this.#limit("", Number(headers.get("retry-after")) * 1000 || quietMs);
  }

  /** The category without a name is all of them. */
  #limit(category: string, forMs: number): void {
    this.#limitedUntil.set(category, performance.now() + forMs);
  }

  #isLimited(category: string): boolean {
    const now = performance.now();
    return [category, ""].some((name) => now < (this.#limitedUntil.get(name) ?? 0));
  }

  #tell(why: string): void {
    if (performance.now() < this.#silentUntil) return;
    this.#silentUntil = performance.now() + quietMs;
    this.#warn(`faults cannot be reported to Sentry: ${why}`);
  }
}

function envelope(type: ItemType, item: object): string {
  const id = randomBytes(16).toString("hex");
  const head = { event_id: id, sent_at: new Date().toISOString() };
  return [head, { type }, { event_id: id, ...item }].map((line) => JSON.stringify(line)).join("\n");
}
