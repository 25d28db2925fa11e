import { MemoryState } from "../../src/shared-state/memory-state.ts";
import { answerQuestion, type StateQuestion } from "../../src/shared-state/state-questions.ts";
import { type QuestionMessage, Questions } from "../../src/workers/questions.ts";

/** Counts for the processes that ask; who asks is in the question, since they all do over one channel. */
const counts = new MemoryState({ leaseMs: Number(process.argv[2]) });
const questions = new Questions(
  (message) => process.send?.(message),
  (asked) => {
    const { holder, question } = asked as { readonly holder: string; readonly question: StateQuestion };
    return answerQuestion(counts.as(holder), question);
  },
);
process.on("message", (message: QuestionMessage) => questions.hear(message));
