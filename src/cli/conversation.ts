import { createInterface } from "node:readline";
import type { RunResponse } from "../../gen/livellm/v1/agent_service_pb.ts";
import { type AskOptions, ask, type Question } from "./answer.ts";
import { CommandFailure, exitCodes } from "./exit-codes.ts";
import { listenForInterrupt } from "./interrupt.ts";
import { type Terminal, tell } from "./terminal.ts";

/**
 * A conversation, a line a turn, until the end of the input. Ctrl-C cancels the answer that is being written, and between
 * answers ends the conversation. A turn that failed is not part of what the model is sent next.
 */
export async function converse(
  question: Omit<Question, "messages">,
  calls: Omit<AskOptions, "signal">,
  first = "",
): Promise<void> {
  const { terminal } = calls;
  const lines = openLines(terminal);
  let messages: Question["messages"] = [];
  const turn = async (text: string) => {
    if (text.trim() === "") return;
    const asked = [...messages, { text }];
    const answer = await answerTo({ ...question, messages: asked }, calls);
    if (answer) messages = [...asked, ...answer.messages];
  };
  try {
    await turn(first);
    for (let line = await lines.next(); line !== undefined; line = await lines.next()) await turn(line);
  } finally {
    lines.close();
  }
}

/** Undefined when it failed, which has been said. */
async function answerTo(question: Question, calls: Omit<AskOptions, "signal">): Promise<RunResponse | undefined> {
  using interrupt = listenForInterrupt(calls.terminal);
  try {
    return await ask(question, { ...calls, signal: interrupt.signal });
  } catch (error) {
    if (!(error instanceof CommandFailure) || error.exitCode === exitCodes.outputClosed) throw error;
    for (const line of error.lines) tell(calls.terminal, line);
    tell(calls.terminal, "this turn is left out of the conversation; ask again");
    return undefined;
  }
}

/** The lines of the input; those that come while an answer is written wait their turn. */
function openLines({ input, errors }: Terminal) {
  const terminal = input.isTTY === true;
  const lines = createInterface({ input, output: terminal ? errors : undefined, terminal, prompt: "> " });
  const each = lines[Symbol.asyncIterator]();
  let open = true;
  lines.once("close", () => {
    open = false;
  });
  // A terminal that is read key by key sends no signal by itself.
  lines.on("SIGINT", () => {
    if (process.listenerCount("SIGINT") > 0) process.kill(process.pid, "SIGINT");
    else lines.close();
  });
  return {
    async next(): Promise<string | undefined> {
      if (terminal && open) lines.prompt();
      const { done, value } = await each.next();
      return done ? undefined : value;
    },
    close: () => lines.close(),
  };
}
