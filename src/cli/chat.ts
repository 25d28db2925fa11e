import type { Command } from "commander";
import { AgentService } from "../../gen/livellm/v1/agent_service_pb.ts";
import { type AskOptions, ask, type Question } from "./answer.ts";
import { type ConnectionOptions, connect } from "./connection.ts";
import { converse } from "./conversation.ts";
import { wrongUsage } from "./exit-codes.ts";
import { listenForInterrupt } from "./interrupt.ts";
import { type RouteOptions, routeOf, withRouteOptions } from "./route-options.ts";
import { readInput, type Terminal } from "./terminal.ts";

interface ChatOptions extends RouteOptions, ConnectionOptions {
  readonly system?: string;
  readonly json?: boolean;
  readonly interactive?: boolean;
}

/** `livellm chat`: one answer, or a conversation. */
export function addChat(program: Command, terminal: Terminal): void {
  withRouteOptions(program.command("chat"))
    .description("ask a model, and write its answer as it comes")
    .argument("[prompt...]", "what to ask; read from the standard input when not given")
    .option("-s, --system <text>", "what the model should know and do")
    .option("-i, --interactive", "a conversation, a line a turn; on a terminal without a prompt it is one anyway")
    .option("--json", "every event as a line of JSON, and the status as the last")
    .addHelpText("after", examples)
    .action(async (words: string[], _: unknown, command: Command) => chat(words, command.optsWithGlobals(), terminal));
}

const examples = `
Examples:
  livellm chat --provider local "Say it back to me"
  livellm chat --model gpt-5-mini --system "Answer in one line." "What is HTTP/2?"
  livellm chat --model claude-sonnet-4-5 < question.txt
  livellm chat --model gemini-2.5-flash              a conversation
`;

async function chat(words: readonly string[], options: ChatOptions, terminal: Terminal): Promise<void> {
  const route = routeOf(options);
  using connection = connect(options, terminal);
  const question = { route, config: { instructions: options.system ?? "" } };
  const calls = {
    terminal,
    agent: connection.client(AgentService),
    url: connection.url,
    json: options.json ?? false,
  };
  const prompt = words.join(" ").trim();
  // Awaited here: the connection is let go of at the end of this function.
  if (options.interactive || (prompt === "" && terminal.input.isTTY)) await converse(question, calls, prompt);
  else await askOnce(question, calls, prompt || (await readInput(terminal)).trim());
}

async function askOnce(
  question: Omit<Question, "messages">,
  calls: Omit<AskOptions, "signal">,
  prompt: string,
): Promise<void> {
  if (prompt === "") throw wrongUsage("there is nothing to ask: give a prompt, or write it to the standard input");
  using interrupt = listenForInterrupt(calls.terminal);
  await ask({ ...question, messages: [{ text: prompt }] }, { ...calls, signal: interrupt.signal });
}
