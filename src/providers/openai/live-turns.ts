import type { TranscribedSegment } from "../../core/transcription.ts";

/** A stretch of audio that becomes one item, as far as it is known. */
export interface Turn {
  readonly id: string;
  startMs: number | undefined;
  endMs: number | undefined;
  /** The text so far, from deltas. */
  text: string;
  /** Whether its audio is complete. */
  committed: boolean;
  /** Pieces with a speaker each, from a model that tells speakers apart. */
  readonly pieces: TranscribedSegment[];
  /** Further commits that came right behind its own, with no audio in between. */
  echoes: number;
  /** Set when the transcript is complete, or is known not to come. */
  result: { readonly text: string; readonly languageCode?: string } | undefined;
}

/**
 * The turns that are not over, in the order of their audio: the server writes several down at once, and may finish a later
 * one first. What is told of them keeps to the order: developers.openai.com, "Realtime transcription".
 */
export interface Turns {
  readonly open: Turn[];
}

export function newTurns(): Turns {
  return { open: [] };
}

/** The turn of an item; a new one comes last. */
export function turnOf({ open }: Turns, id: string): Turn {
  const known = open.find((turn) => turn.id === id);
  if (known) return known;
  const turn = {
    id,
    startMs: undefined,
    endMs: undefined,
    text: "",
    committed: false,
    pieces: [],
    echoes: 0,
    result: undefined,
  };
  open.push(turn);
  return turn;
}

/** An item's audio is complete: its place is behind `previousId`, and before all that is not. */
export function commitTurn(turns: Turns, id: string, previousId: string | undefined): Turn {
  const turn = turnOf(turns, id);
  const { open } = turns;
  open.splice(open.indexOf(turn), 1);
  const previous = open.findIndex((other) => other.id === previousId);
  const lastCommitted = open.findLastIndex((other) => other.committed);
  open.splice((previous < 0 ? lastCommitted : previous) + 1, 0, turn);
  turn.committed = true;
  return turn;
}

/** Takes out the turns whose transcripts are complete, up to the first that is not. */
export function takeFinished({ open }: Turns): readonly Turn[] {
  const unfinished = open.findIndex((turn) => turn.result === undefined);
  return open.splice(0, unfinished < 0 ? open.length : unfinished);
}

/** The turn whose text may be told of now. */
export function currentTurn({ open }: Turns): Turn | undefined {
  return open[0];
}

/** The last turn whose audio is complete and whose transcript is not. */
export function lastCommitted({ open }: Turns): Turn | undefined {
  return open.findLast((turn) => turn.committed);
}
