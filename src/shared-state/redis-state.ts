import { setTimeout } from "node:timers/promises";
import { createClient, ErrorReply } from "@redis/client";
import type { Secret } from "../core/secret.ts";
import type { OpenBreaker, RateLimits, RateRefusal } from "../core/shared-state.ts";
import {
  breakersScript,
  closeBreakerScript,
  holdingScript,
  holdScript,
  openBreakerScript,
  type RedisScript,
  spendScript,
  takeScript,
} from "./redis-scripts.ts";
import { probeClaimMs, type StateDriver } from "./state-driver.ts";

export interface RedisStateOptions {
  /** `redis://user:password@host:6379/0`, or `rediss://` with TLS. */
  readonly url: Secret;
  /** In front of every key. */
  readonly prefix: string;
  /** This process, among those who count. */
  readonly holder: string;
  /** How long what this process says of its calls holds. */
  readonly leaseMs: number;
  /** Told when the connection breaks; with no word of the address's password. */
  readonly onLost: (reason: string) => void;
}

type Client = ReturnType<typeof clientOf>;

const connectTimeoutMs = 2_000;
const longestFarewellMs = 500;

/**
 * The counts in a Redis or Valkey server (6 or newer). A command is refused while there is no connection: it neither waits
 * nor is it sent later. Who wants the connection back asks for it (`revive`).
 */
export class RedisState implements StateDriver {
  readonly #options: RedisStateOptions;
  #client: Client | undefined;
  /** It was asked for a sign of life and has not given it. */
  #silent = false;

  constructor(options: RedisStateOptions) {
    this.#options = options;
  }

  async take(bearer: string, { requestsPerMinute, tokensPerMinute }: RateLimits): Promise<RateRefusal | undefined> {
    const limits = [String(requestsPerMinute ?? -1), String(tokensPerMinute ?? -1)];
    const reply = await this.#run(takeScript, [this.#key("rate", bearer)], limits);
    if (!Array.isArray(reply) || reply.length === 0) return undefined;
    return { limit: reply[0] === "r" ? "requestsPerMinute" : "tokensPerMinute", waitMs: Number(reply[1]) };
  }

  async spend(bearer: string, tokens: number): Promise<void> {
    await this.#run(spendScript, [this.#key("rate", bearer)], [String(Math.round(tokens))]);
  }

  async hold(caller: string, calls: number, most: number): Promise<boolean> {
    const { holder, leaseMs } = this.#options;
    const said = [holder, String(calls), String(leaseMs), String(most)];
    return (await this.#run(holdScript, [this.#key("calls", caller)], said)) === 1;
  }

  async holding(caller: string, calls: number): Promise<void> {
    const { holder, leaseMs } = this.#options;
    await this.#run(holdingScript, [this.#key("calls", caller)], [holder, String(calls), String(leaseMs)]);
  }

  async openBreakers(): Promise<readonly OpenBreaker[]> {
    const reply = await this.#run(breakersScript, [this.#key("breakers")], []);
    const flat = Array.isArray(reply) ? reply : [];
    return Array.from({ length: Math.floor(flat.length / 3) }, (_, i) => {
      const [name, restMs, pauseMs] = flat.slice(3 * i);
      return { name: String(name), restMs: Number(restMs), pauseMs: Number(pauseMs) };
    });
  }

  async openBreaker({ name, restMs, pauseMs }: OpenBreaker): Promise<void> {
    const state = [name, String(Math.ceil(restMs)), String(Math.ceil(pauseMs))];
    await this.#run(openBreakerScript, [this.#key("breakers"), this.#key("probe", name)], state);
  }

  async closeBreaker(name: string): Promise<void> {
    await this.#run(closeBreakerScript, [this.#key("breakers"), this.#key("probe", name)], [name]);
  }

  async claimProbe(name: string): Promise<boolean> {
    const { holder } = this.#options;
    const claim = ["SET", this.#key("probe", name), holder, "NX", "PX", String(probeClaimMs)];
    return (await this.#send(claim)) !== null;
  }

  async revive(): Promise<void> {
    if (!this.#client?.isReady || this.#silent) await this.#connect();
    this.#silent = true;
    // A replica, and one that is full, answer a PING and take nothing.
    await this.#connected().sendCommand<unknown>(["SET", this.#key("alive", this.#options.holder), "1", "PX", "1"]);
    this.#silent = false;
  }

  /** What was said last is heard, as far as Redis listens. */
  async close(): Promise<void> {
    const closing = this.#client?.isReady ? this.#client.close().catch(() => undefined) : undefined;
    await Promise.race([closing, setTimeout(longestFarewellMs, undefined, { ref: false })]);
    this.#drop();
  }

  async #connect(): Promise<void> {
    this.#drop();
    const client = clientOf(this.#options.url.reveal());
    client.on("error", (error: unknown) => client === this.#client && this.#options.onLost(reasonOf(error)));
    this.#client = client;
    await client.connect();
  }

  #drop(): void {
    const client = this.#client;
    this.#client = undefined;
    if (client?.isOpen) client.destroy();
  }

  #connected(): Client {
    if (!this.#client?.isReady) throw new Error("there is no connection to Redis");
    return this.#client;
  }

  /** By its hash, and in full where Redis does not know it yet. */
  async #run({ source, sha }: RedisScript, keys: readonly string[], args: readonly string[]): Promise<unknown> {
    const rest = [String(keys.length), ...keys, ...args];
    try {
      return await this.#connected().sendCommand<unknown>(["EVALSHA", sha, ...rest]);
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith("NOSCRIPT"))) throw this.#refused(error);
      return await this.#send(["EVAL", source, ...rest]);
    }
  }

  async #send(command: readonly string[]): Promise<unknown> {
    try {
      return await this.#connected().sendCommand<unknown>([...command]);
    } catch (error) {
      throw this.#refused(error);
    }
  }

  /** What Redis refuses once it refuses until somebody mends it: it is a replica now, full, or does not let this user. */
  #refused(error: unknown): unknown {
    if (error instanceof ErrorReply) this.#options.onLost(reasonOf(error));
    return error;
  }

  #key(kind: string, name = ""): string {
    return `${this.#options.prefix}${kind}${name && `:${name}`}`;
  }
}

function clientOf(url: string) {
  return createClient({
    url,
    name: "livellm",
    // The one who revives decides when to try again.
    socket: { connectTimeout: connectTimeoutMs, reconnectStrategy: false },
    disableOfflineQueue: true,
    disableClientInfo: true,
    maintNotifications: "disabled",
  });
}

/** What went wrong, in the words of the system or of Redis: both name addresses at most. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === "") return error.errors.map(reasonOf).join("; ");
  return error instanceof Error ? error.message || error.name : String(error);
}
