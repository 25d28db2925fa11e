import type { Heard, HeardAnswer } from "./conversation-clients.ts";
import type { ConversationFault } from "./conversation-faults.ts";
import type { SaidTurn } from "./conversation-wires.ts";
import type { Verdict } from "./judge-chat.ts";

export interface ExpectedConversation {
  readonly fault: ConversationFault;
  /** What the vendor says, and what the next target would; undefined when there is none. */
  readonly turns: readonly SaidTurn[];
  readonly nextTurns: readonly SaidTurn[] | undefined;
}

/**
 * Holds what the caller heard against what was said. A conversation is its target's own from its acceptance on: a fault before
 * that is the next target's to make good, one after it has to be told, behind whole answers and the beginning of one.
 */
export function judgeConversation({ answers, code, message }: Heard, expected: ExpectedConversation): Verdict {
  const { fault, turns, nextTurns } = expected;
  const isBefore = !fault.inAnswer && fault.errors.length > 0;
  const said = isBefore && nextTurns ? nextTurns : turns;
  const cut = answers.findIndex((answer, i) => answer.finishReason !== undefined && !isWhole(answer, said[i]));
  if (cut !== -1) return truncated(`answer ${cut + 1} was given as whole: ${lengths(answers[cut])}`);
  if (code === "ok") {
    if (answers.length !== said.length) return truncated(`ok with ${answers.length} of ${said.length} answers`);
    if (said === turns && fault.errors.length > 0) return truncated("ok, and the vendor has failed");
    return { told: said === turns ? "the answer" : "the next target's answer" };
  }
  const stray = answers.findIndex((answer, i) => !isBeginning(answer, said[i]));
  if (stray !== -1) return untruth(`answer ${stray + 1} is no beginning of what was said: ${lengths(answers[stray])}`);
  if (isBefore && nextTurns) return untruth(`the next target did not take over: ${code} ${message}`);
  if (fault.errors.length === 0) return untruth(`${code}: ${message}`);
  // The older system's clients get words alone.
  if (code === "error") return message === "" ? untruth("an error without a word") : { told: "a true error" };
  return fault.errors.includes(code) ? { told: "a true error" } : untruth(`${code}: ${message}`);
}

function isWhole({ text, audio, finishReason }: HeardAnswer, said: SaidTurn | undefined): boolean {
  if (!said || finishReason !== "stop") return false;
  return said.audio ? audio.equals(said.audio) : text === said.text && audio.length === 0;
}

function isBeginning({ text, audio }: HeardAnswer, said: SaidTurn | undefined): boolean {
  if (!said) return text === "" && audio.length === 0;
  return said.audio ? said.audio.subarray(0, audio.length).equals(audio) : said.text.startsWith(text);
}

function lengths(answer: HeardAnswer | undefined): string {
  return `${answer?.text.length} characters, ${answer?.audio.length} bytes of sound, ${answer?.finishReason}`;
}

function truncated(why: string): Verdict {
  return { told: "a silent truncation", why };
}

function untruth(why: string): Verdict {
  return { told: "an untruth", why };
}
