import type { Part, ProviderState } from "../../core/chat.ts";
import { isJsonObject, type JsonObject } from "../../core/json.ts";
import type { Notes } from "../openai-compatible/notes.ts";
import { readState, writeState } from "../openai-compatible/provider-state.ts";

/** What of a part of Gemini's has no place in ours, and has to come back unchanged. */
export interface PartState {
  /** Proof of the thoughts behind a part, as it came: ai.google.dev/gemini-api/docs/thought-signatures. */
  readonly thoughtSignature?: string;
  /** Where in the text the piece begins that was signed: signed and unsigned pieces may not be joined. */
  readonly offset?: number;
  readonly thought?: true;
  /** The whole part, where ours is only a view of it. */
  readonly part?: JsonObject;
}

export function writePartState(kind: string, state: PartState): ProviderState | undefined {
  return Object.keys(state).length > 0 ? writeState(kind, state) : undefined;
}

/** The state of a part; undefined, and noted, when another kind of provider made it. */
export function readPartState(
  { providerState }: Part,
  field: string,
  { kind, notes }: { readonly kind: string; readonly notes: Notes },
): PartState | undefined {
  if (!providerState) return undefined;
  const state = readState(providerState, kind);
  if (isJsonObject(state)) return toPartState(state);
  notes.stateDropped(`${field}.providerState`, providerState.providerKind);
  return undefined;
}

/** The caller kept it: it is read as carefully as anything of a caller's. */
function toPartState({ thoughtSignature, offset, thought, part }: JsonObject): PartState {
  return {
    ...(typeof thoughtSignature === "string" && { thoughtSignature }),
    ...(typeof offset === "number" && offset > 0 && { offset }),
    ...(thought === true && { thought }),
    ...(isJsonObject(part) && { part }),
  };
}
