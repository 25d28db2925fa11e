import type { JsonObject } from "@bufbuild/protobuf";
import type { ModelTurn } from "../test/support/agent-dialects.ts";
import { type StreamOutcome, textOfEvents } from "../test/support/faces.ts";
import type { Truth } from "./injection.ts";

/** What a caller was told; the first three are what there may be. */
export type Verdict =
  | { readonly told: "the answer" | "the next target's answer" | "a true error" }
  /** Something that is not whole was given as whole. */
  | { readonly told: "a silent truncation"; readonly why: string }
  /** An error that is not what happened, no status at all, or a further target that was not tried. */
  | { readonly told: "an untruth"; readonly why: string };

export interface Expected {
  readonly turn: ModelTurn;
  readonly truth: Truth;
  /** The text of the target that comes after it; undefined when there is none. */
  readonly nextText?: string;
}

/** Holds what the caller saw against what the vendor did. */
export function judgeChat({ events, status }: StreamOutcome, expected: Expected): Verdict {
  const seen = textOfEvents(events);
  if (status.code === "ok") return judgeSuccess(events, seen, expected);
  const { truth, nextText } = expected;
  if (!(expected.turn.text ?? "").startsWith(seen)) return untruth(`before its error came another text: ${cut(seen)}`);
  if (!truth.errors.includes(status.code)) return untruth(`${status.code}: ${cut(status.message)}`);
  if (nextText !== undefined && truth.nothingSent) return untruth(`the next target was not tried: ${status.code}`);
  if (!status.detail?.reason) return untruth(`${status.code} has no reason: ${cut(status.message)}`);
  if (truth.retryAfter && status.detail.retryAfter !== truth.retryAfter)
    return untruth("it does not say how long to wait");
  return { told: "a true error" };
}

function judgeSuccess(events: readonly JsonObject[], seen: string, expected: Expected): Verdict {
  const { turn, truth, nextText } = expected;
  const finished = events.at(-1)?.finished as JsonObject | undefined;
  if (!finished) return truncation("ok, and nothing has finished");
  if ((finished.text ?? "") !== seen) return truncation("the text at the end is not what was streamed");
  if (nextText !== undefined && seen === nextText) {
    return truth.errors.length > 0 ? { told: "the next target's answer" } : untruth("the next target, for no reason");
  }
  if (!isWhole(turn, seen, events)) return truncation(`ok after ${seen.length} characters: ${cut(seen)}`);
  return truth.answer ? { told: "the answer" } : truncation("the vendor never said that this was all");
}

function isWhole(turn: ModelTurn, seen: string, events: readonly JsonObject[]): boolean {
  return seen.trim() === (turn.text ?? "").trim() && callsSeen(events) === callsSaid(turn);
}

function callsSaid({ calls = [] }: ModelTurn): string {
  return JSON.stringify(calls.map(({ name, args }) => [name, args]));
}

function callsSeen(events: readonly JsonObject[]): string {
  const parts = events.map(
    ({ partFinished }) => (partFinished as JsonObject | undefined)?.part as JsonObject | undefined,
  );
  const calls = parts.map((part) => part?.toolCall as JsonObject | undefined).filter((call) => call !== undefined);
  return JSON.stringify(calls.map(({ name, argumentsJson }) => [name, parsed(String(argumentsJson ?? "{}"))]));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return `not JSON: ${text}`;
  }
}

function truncation(why: string): Verdict {
  return { told: "a silent truncation", why };
}

function untruth(why: string): Verdict {
  return { told: "an untruth", why };
}

function cut(text: string): string {
  return JSON.stringify(text.length > 120 ? `${text.slice(0, 120)}…` : text);
}
