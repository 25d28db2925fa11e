/** pino-roll 4 brings no types: these are the options that are used here (its README). */
declare module "pino-roll" {
  import type { SonicBoom, SonicBoomOpts } from "sonic-boom";

  interface RollOptions extends SonicBoomOpts {
    /** The path without number and extension. */
    readonly file: string;
    readonly extension: string;
    /** Such as `10m`: a new file when this one has become so large. */
    readonly size?: string;
    readonly frequency?: "daily" | "hourly";
    /** With `removeOtherLogFiles` the file that is written counts too. */
    readonly limit?: { readonly count: number; readonly removeOtherLogFiles?: boolean };
    readonly dateFormat?: string;
  }

  export default function roll(options: RollOptions): Promise<SonicBoom>;
}
