/** What the program ends with; docs/cli.md says the same. */
export const exitCodes = {
  done: 0,
  /** The call was refused or failed, and nothing of an answer had been written. */
  failed: 1,
  /** The command line is not right. */
  usage: 2,
  /** There is no gateway at the address. */
  unreachable: 3,
  /** It broke in the middle: what was written is not all. */
  incomplete: 4,
  /** Ctrl-C, as shells count signals. */
  interrupted: 130,
  /** Whoever read the output stopped reading, as shells count signals. */
  outputClosed: 141,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Ends the program with a code, and with these lines on the standard error. */
export class CommandFailure extends Error {
  override readonly name = "CommandFailure";
  readonly exitCode: ExitCode;
  readonly lines: readonly string[];

  constructor(exitCode: ExitCode, lines: readonly string[]) {
    super(lines[0] ?? "");
    this.exitCode = exitCode;
    this.lines = lines;
  }
}

/** The command line asks for something that cannot be. */
export function wrongUsage(...lines: readonly string[]): CommandFailure {
  return new CommandFailure(exitCodes.usage, lines);
}
