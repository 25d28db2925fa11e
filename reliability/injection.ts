import type { ModelTurn } from "../test/support/agent-dialects.ts";
import type { ChatWire } from "./chat-wires.ts";
import type { VendorReply } from "./vendor-reply.ts";

/** What the caller may be told of a fault without being lied to. */
export interface Truth {
  /** Whether the vendor's answer is whole, so that it may be given as one. */
  readonly answer: boolean;
  /** The codes that would be true; none: the answer has to be given. */
  readonly errors: readonly string[];
  /** Whether nothing of an answer was sent: a further target has to be tried then. */
  readonly nothingSent: boolean;
  /** How long the vendor asked to wait, as the error has to say. */
  readonly retryAfter?: string;
}

/** One way in which a vendor goes wrong, for one kind. */
export interface Injection {
  readonly turn: ModelTurn;
  readonly truth: Truth;
  /** An address that is no vendor's, in place of a reply. */
  readonly address?: (vendorPort: number) => string;
  readonly reply?: VendorReply;
  /** How long the gateway waits for the next part. Long where nothing is waited for. */
  readonly patienceMs?: number;
  readonly jumpsClock?: boolean;
}

/** What a vendor says that goes wrong. */
export const plain: ModelTurn = { text: Array.from({ length: 20 }, (_, i) => `word${i} `).join("") };
/** The codes of an answer that broke off, or that cannot be read. */
export const brokenOff = ["unavailable", "internal"];
/** The answer has to be given. */
export const whole: Truth = { answer: true, errors: [], nothingSent: false };
/** Nothing of an answer was sent. */
export const nothing = (...errors: readonly string[]): Truth => ({ answer: false, errors, nothingSent: true });

/** The head of its stream. */
export function typeOf(wire: ChatWire): Readonly<Record<string, string>> {
  return { "content-type": wire.contentType };
}

/** An answer in full, which has to come through. */
export function wholeAnswer(wire: ChatWire, turn: ModelTurn, reply: VendorReply = {}): Injection {
  return { turn, truth: whole, reply: { headers: typeOf(wire), chunks: wire.pieces(turn), ...reply } };
}
