import type { Tool } from "@modelcontextprotocol/client";
import { LivellmError } from "../core/error.ts";
import type { JsonObject } from "../core/json.ts";
import { type LinkedController, linkedController } from "../streams/signals.ts";
import { connectionLost } from "../upstream/network-error.ts";
import { callFailure } from "./mcp-failure.ts";
import { answerOf, failedAnswer, type ToolAnswer } from "./mcp-result.ts";
import { hostOf, noAnswer, over, type Session } from "./mcp-session.ts";
import type { McpServer } from "./tool-source.ts";

/** A call of a tool, as its server lists it. */
export interface McpCall {
  readonly session: Session;
  readonly tool: Tool;
  readonly input: JsonObject;
}

/** Calls a tool. A failure, the timeout included, is an answer; throws only the signal's reason. */
export async function callTool({ session, tool, input }: McpCall, signal: AbortSignal): Promise<ToolAnswer> {
  const { server } = session;
  using call = linkedController(signal);
  const clock = new CallClock(call, server);
  const request = session.mcpFetch.bind({ signal: call.signal, ended: (error) => clock.ended(error) });
  try {
    const result = await session.client.callTool(
      { name: tool.name, arguments: { ...input } },
      {
        signal: call.signal,
        timeout: server.timeoutMs + 60_000, // ours comes first
        headers: request.headers,
        toolDefinition: withoutOutputSchema(tool),
      },
    );
    return answerOf(result);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    const cause = call.signal.aborted ? call.signal.reason : error;
    call.abort(over); // closes the request, on which the client has only given up
    return failedAnswer(callFailure(cause), secretsOf(server));
  } finally {
    clock[Symbol.dispose]();
    request.release();
  }
}

/** How long the client may take to make a result of an answer that is all there. */
const maxReadingMs = 500;

/** Ends a call that takes too long, or whose answer is over without a result. */
class CallClock implements Disposable {
  readonly #call: LinkedController;
  readonly #server: McpServer;
  #timer: NodeJS.Timeout;
  #stopped = false;

  constructor(call: LinkedController, server: McpServer) {
    this.#call = call;
    this.#server = server;
    this.#timer = setTimeout(() => call.abort(noAnswer(server)), server.timeoutMs);
  }

  ended(error: unknown): void {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    const { url } = this.#server;
    const reason = error ? connectionLost(url, error) : endedWithoutResult(this.#server);
    this.#timer = setTimeout(() => this.#call.abort(reason), maxReadingMs);
  }

  [Symbol.dispose](): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }
}

function withoutOutputSchema({ outputSchema: _, ...tool }: Tool): Tool {
  return tool;
}

function secretsOf({ headers }: McpServer): readonly string[] {
  const values = Object.values(headers).map((value) => value.reveal());
  return values
    .flatMap((value) => [value, value.replace(/^(?:Bearer|Basic)\s+/i, "")])
    .filter(({ length }) => length > 3);
}

function endedWithoutResult(server: McpServer): LivellmError {
  return new LivellmError("unavailable", "stream_broken", `the answer of ${hostOf(server)} ended without a result`);
}
