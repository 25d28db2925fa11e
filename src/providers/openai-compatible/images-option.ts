import type { ImageConfig } from "../../core/images.ts";
import type { Notes } from "./notes.ts";
import { unsupported } from "./unsupported.ts";

/** A word that was asked for, and the words that the model takes: none when it has no such option, absent when not known. */
export interface AskedWord {
  readonly model: string;
  readonly field: string;
  readonly value: string | undefined;
  readonly taken: readonly string[] | undefined;
}

/** The word as the model takes it; undefined when it is left out. Throws `unsupported`, saying what the model takes. */
export function takenWord({ model, field, value, taken }: AskedWord, notes: Notes): string | undefined {
  if (!value) return undefined;
  if (!taken || taken.includes(value)) return value;
  if (taken.length > 0) throw unsupported(field, `${model} does not take ${value}: it takes ${taken.join(", ")}`);
  notes.ignored(field);
  return undefined;
}

const ranks = ["low", "medium", "high", "xhigh", "max"];

/** The quality, lowered to the model's highest where it is above that. `auto` is to leave it to the model. */
export function takenQuality(
  { quality }: ImageConfig,
  { model, taken }: Pick<AskedWord, "model" | "taken">,
  notes: Notes,
): string | undefined {
  if (quality === "auto") return undefined;
  const highest = taken?.at(-1);
  if (highest === undefined || ranks.indexOf(quality) <= ranks.indexOf(highest) || !ranks.includes(quality)) {
    return takenWord({ model, field: "config.quality", value: quality, taken }, notes);
  }
  notes.clamped("config.quality", `${highest} in place of ${quality}`);
  return highest;
}

/** A number, lowered to the most that the model takes. */
export function takenNumber(
  { field, value, most }: { readonly field: string; readonly value: number; readonly most: number },
  notes: Notes,
): number {
  if (value <= most) return value;
  notes.clamped(field, `${most} in place of ${value}`);
  return most;
}
