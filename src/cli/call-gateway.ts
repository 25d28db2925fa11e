import { callFailure } from "./call-failure.ts";
import { type Connection, type ConnectionOptions, connect } from "./connection.ts";
import { listenForInterrupt } from "./interrupt.ts";
import type { Terminal } from "./terminal.ts";

/** Connects, makes one command's calls, which ctrl-C gives up, and puts what goes wrong with them into words. */
export async function callGateway<T>(
  options: ConnectionOptions,
  terminal: Terminal,
  calls: (connection: Connection, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  using connection = connect(options, terminal);
  using interrupt = listenForInterrupt(terminal);
  try {
    return await calls(connection, interrupt.signal);
  } catch (error) {
    throw callFailure(error, { url: connection.url });
  }
}

/** What a list answers with, a page at a time. */
interface Page {
  readonly nextPageToken: string;
}

/** Every page of a list. */
export async function* allPages<P extends Page>(page: (pageToken: string) => Promise<P>): AsyncGenerator<P> {
  let token = "";
  do {
    const response = await page(token);
    yield response;
    token = response.nextPageToken;
  } while (token !== "");
}
