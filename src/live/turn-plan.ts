import type { Warning } from "../core/route.ts";
import type { TurnDetection } from "../core/transcription.ts";

/** How the turns of one session are found. */
export interface TurnPlan {
  /** What the target is asked for. */
  readonly ask: TurnDetection;
  /** Set when the gateway listens for silence itself, and tells the target. */
  readonly listen?: Extract<TurnDetection, { mode: "silence" }>;
  /** Whether the target ends a turn when it is told to. */
  readonly obeysCommit: boolean;
  readonly warnings: readonly Warning[];
}

type Modes = readonly TurnDetection["mode"][];

/**
 * Fits what the caller wants to what the target can: by itself where it has the mode, else by silence, which the gateway
 * hears where the target does not and can be told. Nothing wanted is the target's default. Never fails: a turn that is
 * found otherwise than was asked is a warning.
 */
export function planTurns(wanted: TurnDetection | undefined, modes: Modes): TurnPlan {
  const obeysCommit = modes.includes("manual");
  const warnings = wanted && !canHave(wanted, modes) ? [foundOtherwise(wanted, modes)] : [];
  if (wanted && modes.includes(wanted.mode)) return { ask: wanted, obeysCommit, warnings };
  const silence = wanted?.mode === "silence" ? wanted : ({ mode: "silence" } as const);
  if (modes.includes("silence") || !obeysCommit) return { ask: ownMode(silence, modes), obeysCommit, warnings };
  return { ask: { mode: "manual" }, listen: silence, obeysCommit, warnings };
}

/** Silence can be heard by the gateway for a target that can be told. */
function canHave(wanted: TurnDetection, modes: Modes): boolean {
  return modes.includes(wanted.mode) || (wanted.mode === "silence" && modes.includes("manual"));
}

function ownMode(silence: TurnDetection, modes: Modes): TurnDetection {
  return !modes.includes("silence") && modes.includes("semantic") ? { mode: "semantic" } : silence;
}

function foundOtherwise({ mode }: TurnDetection, modes: Modes): Warning {
  const way = modes.includes("silence") || modes.includes("manual") ? "by silence" : "in the target's own way";
  const message = `the target cannot find the ends of turns as ${mode} says; they are found ${way}`;
  return { code: "option-ignored", message, field: `start.turnDetection.${mode}` };
}

/** The caller said that a turn is over, to a target that cannot be told. */
export const endTurnIgnored: Warning = {
  code: "option-ignored",
  message: "the target finds the ends of turns by itself and cannot be told: endTurn has no effect",
  field: "endTurn",
};
