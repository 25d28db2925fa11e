/** pino-roll 4 brings no types: these are the options that are used here (its README). */
declare module "pino-roll" {
  import type { EventEmitter } from "node:events";
  import type { DestinationStream } from "pino";

  interface RolledFile extends DestinationStream, EventEmitter {
    /** Throws when the file cannot be written. */
    flushSync(): void;
  }

  interface RollOptions {
    /** The path without number and extension. */
    readonly file: string;
    readonly extension: string;
    /** Such as `10m`: a new file when this one has become so large. */
    readonly size?: string;
    readonly frequency?: "daily" | "hourly";
    /** With `removeOtherLogFiles` the file that is written counts too. */
    readonly limit?: { readonly count: number; readonly removeOtherLogFiles?: boolean };
    readonly dateFormat?: string;
    /** Of the files, as in `0o600`. */
    readonly mode?: number;
    /** In bytes; lines beyond are dropped while the disk does not keep up. */
    readonly maxLength?: number;
  }

  export default function roll(options: RollOptions): Promise<RolledFile>;
}
