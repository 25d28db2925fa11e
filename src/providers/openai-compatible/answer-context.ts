import type { Warning } from "../../core/route.ts";
import type { ReasoningDialect } from "./dialect.ts";

/** What a reader has to know of the call whose answer it reads. */
export interface AnswerContext {
  /** The kind of the adapter: it marks provider state. */
  readonly kind: string;
  readonly requestId?: string;
  /** What the request did differently; goes out with the `response` event. */
  readonly warnings?: readonly Warning[];
  readonly hideReasoning?: boolean;
  /** How reasoning comes; with no dialect there is none. */
  readonly reasoning?: Pick<ReasoningDialect, "answerFields" | "details">;
  readonly reasoningOutsideCompletion?: boolean;
  /** The tool that stands for a JSON answer: its arguments are the text. */
  readonly answerTool?: string;
  /** The format that was asked of spoken answers, such as `pcm16`. */
  readonly audioFormat?: string;
}
