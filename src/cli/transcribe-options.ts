import type { ConnectionOptions } from "./connection.ts";
import type { RouteOptions } from "./route-options.ts";

/** What both ways of writing down speech take. */
export interface TranscribeOptions extends RouteOptions, ConnectionOptions {
  readonly language?: string;
  readonly json?: boolean;
  readonly live?: boolean;
  readonly rate: string;
}
