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

/** A line for people, on the standard error. */
export function tell({ errors }: Terminal, line: string): void {
  errors.write(`${line}\n`);
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
