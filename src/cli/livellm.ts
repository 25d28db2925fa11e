import { CommanderError } from "commander";
import { processEnvironment } from "../process-environment.ts";
import { CommandFailure, exitCodes } from "./exit-codes.ts";
import { createProgram } from "./program.ts";
import { type Terminal, tell } from "./terminal.ts";

await main({
  environment: processEnvironment(),
  input: process.stdin,
  output: process.stdout,
  errors: process.stderr,
});

async function main(terminal: Terminal): Promise<void> {
  // `livellm … | head` is no mistake, and ends without a word.
  let read = true;
  terminal.output.on("error", () => {
    read = false;
  });
  terminal.errors.on("error", () => undefined);
  try {
    await createProgram(terminal).parseAsync(process.argv);
  } catch (error) {
    process.exitCode = read ? say(error, terminal) : exitCodes.outputClosed;
  }
}

/** Says what went wrong; returns what to end with. Commander has said it already where a command line is not right. */
function say(error: unknown, terminal: Terminal): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
  if (!(error instanceof CommandFailure)) throw error;
  for (const [i, line] of error.lines.entries()) tell(terminal, i === 0 ? `livellm: ${line}` : line);
  return error.exitCode;
}
