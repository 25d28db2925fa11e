import { type Terminal, withoutControls } from "./terminal.ts";

/** What is said while something is under way, on the standard error. */
export interface Progress {
  /** On a terminal the line is written over the one before; elsewhere nothing is said yet. */
  update(line: string): void;
  /** The last line, which stays. */
  finish(line: string): void;
  /** Takes back what a terminal shows, for what is said next. */
  clear(): void;
}

/** Shows how far a command is. */
export function showProgress({ errors }: Terminal): Progress {
  const over = errors.isTTY ? "\r\u001b[K" : "";
  return {
    update: (line) => void (errors.isTTY && errors.write(`${over}${withoutControls(line)}`)),
    finish: (line) => void errors.write(`${over}${withoutControls(line)}\n`),
    clear: () => void (errors.isTTY && errors.write(over)),
  };
}

/** `12.3 kB`. */
export function bytesInWords(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`;
  return bytes < 1_000_000 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

/** `3.4 s`. */
export function secondsInWords(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}
