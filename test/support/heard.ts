import type { JsonObject } from "@bufbuild/protobuf";
import { expect } from "vitest";
import { wordErrors } from "../providers/local/word-errors.ts";

/** The names of a session's events, in order. */
export function namesOf(events: readonly JsonObject[]): readonly string[] {
  return events.map((event) => Object.keys(event)[0] ?? "");
}

/** The final segments of a session. */
export function finalsOf(events: readonly JsonObject[]): readonly JsonObject[] {
  return events.flatMap(({ segment }) => ((segment as JsonObject)?.isFinal ? [segment as JsonObject] : []));
}

/** At most 15 of 100 words are wrong, and the whole text is that of the segments. */
export function expectHeard(events: readonly JsonObject[], said: string): void {
  const { text = "" } = (events.at(-1)?.finished ?? {}) as JsonObject;
  const { errors, words } = wordErrors(said, String(text));
  expect(errors / words, `said "${said}", heard "${text}"`).toBeLessThanOrEqual(0.15);
  const segments = finalsOf(events).map((segment) => segment.text);
  expect(segments.join(" ")).toBe(text);
}
