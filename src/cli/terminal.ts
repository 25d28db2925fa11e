import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { CommandFailure, exitCodes } from "./exit-codes.ts";

/** What a command works with: the streams and the environment of the process. */
export interface Terminal {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly input: Readable & { readonly isTTY?: boolean };
  readonly output: Writable & { readonly isTTY?: boolean };
  readonly errors: Writable & { readonly isTTY?: boolean };
}

/** Writes to the standard output, and waits while whoever reads it is slow. Throws when nobody reads it any more. */
export async function write({ output }: Terminal, data: string | Uint8Array): Promise<void> {
  if (output.destroyed || output.errored) throw outputClosed();
  if (output.write(data)) return;
  // A pipe that is closed meanwhile never drains.
  await Promise.race([once(output, "drain"), once(output, "close")]).catch(() => undefined);
  if (output.destroyed || output.errored) throw outputClosed();
}

/** Text of a model, as it is; on a terminal without what would command that. */
export function writeText(terminal: Terminal, text: string): Promise<void> {
  return write(terminal, terminal.output.isTTY ? withoutControls(text) : text);
}

/** A line for people, on the standard error. */
export function tell({ errors }: Terminal, line: string): void {
  errors.write(`${errors.isTTY ? withoutControls(line) : line}\n`);
}

/** Models and vendors write what they want: an escape sequence could retitle the window, or rewrite what stands above. */
export function withoutControls(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are meant
  return text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]|\r(?!\n)/g, "\ufffd");
}

/** All of the standard input, as text. */
export async function readInput({ input }: Terminal): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of input) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks).toString("utf8");
}

function outputClosed(): CommandFailure {
  return new CommandFailure(exitCodes.outputClosed, []);
}
