import { create, type MessageInitShape, toJsonString } from "@bufbuild/protobuf";
import { type Client, Code, ConnectError } from "@connectrpc/connect";
import { type AgentConfigSchema, FinishReason, FinishReasonSchema } from "../../gen/livellm/v1/agent_pb.ts";
import {
  type AgentService,
  type RunResponse,
  type RunStreamResponse,
  RunStreamResponseSchema,
} from "../../gen/livellm/v1/agent_service_pb.ts";
import type { Warning } from "../../gen/livellm/v1/common_pb.ts";
import type { MessageSchema } from "../../gen/livellm/v1/message_pb.ts";
import type { RouteSchema } from "../../gen/livellm/v1/route_pb.ts";
import { callFailure, describeAttempt, wordOf } from "./call-failure.ts";
import { CommandFailure } from "./exit-codes.ts";
import { statusLine } from "./status-line.ts";
import { type Terminal, tell, write, writeText } from "./terminal.ts";

export interface AskOptions {
  readonly terminal: Terminal;
  readonly agent: Client<typeof AgentService>;
  readonly url: string;
  /** Every event as a line of JSON, and the status as the last, in place of the text. */
  readonly json: boolean;
  readonly signal: AbortSignal;
}

/** What is asked, and of whom. */
export interface Question {
  readonly route: MessageInitShape<typeof RouteSchema>;
  readonly config: MessageInitShape<typeof AgentConfigSchema>;
  /** The conversation so far, ending with what is to be answered. */
  readonly messages: readonly MessageInitShape<typeof MessageSchema>[];
}

/** Writes an answer to the standard output as it comes. Throws a CommandFailure unless it is complete. */
export async function ask(question: Question, options: AskOptions): Promise<RunResponse> {
  const printer = options.json ? new JsonPrinter(options.terminal) : new TextPrinter(options.terminal);
  try {
    const finished = await readEvents(
      options.agent.runStream({ ...question, messages: [...question.messages] }, { signal: options.signal }),
      printer,
    );
    await printer.end();
    return finished;
  } catch (error) {
    await printer.fail(error);
    throw callFailure(error, { url: options.url, begun: printer.begun });
  }
}

async function readEvents(events: AsyncIterable<RunStreamResponse>, printer: Printer): Promise<RunResponse> {
  let finished: RunResponse | undefined;
  for await (const event of events) {
    await printer.print(event);
    if (event.event.case === "finished") finished = event.event.value;
  }
  if (finished) return finished;
  throw new ConnectError("the stream ended before the answer was finished", Code.DataLoss);
}

interface Printer {
  /** Whether something of the answer has been written. */
  readonly begun: boolean;
  print(event: RunStreamResponse): Promise<void>;
  end(): Promise<void>;
  fail(error: unknown): Promise<void>;
}

/** The text on the standard output; all that is said about it, on the standard error. */
class TextPrinter implements Printer {
  readonly #terminal: Terminal;
  #lastText = "";

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  get begun(): boolean {
    return this.#lastText !== "";
  }

  async print({ event }: RunStreamResponse): Promise<void> {
    switch (event.case) {
      case "textDelta":
        this.#lastText = event.value.text || this.#lastText;
        return writeText(this.#terminal, event.value.text);
      case "attemptFailed":
        return tell(this.#terminal, `${describeAttempt(event.value)}; trying the next target`);
      case "started":
        return this.#warn(event.value.warnings);
      case "finished":
        this.#warn(event.value.warnings);
        return this.#sayWhyItEnded(event.value);
      default: // steps, heartbeats, and what a later server may add
        return;
    }
  }

  async end(): Promise<void> {
    if (!this.#lastText.endsWith("\n")) await write(this.#terminal, "\n");
  }

  /** What was written stays as it is; only a terminal, where the next line would follow on it, gets a line break. */
  async fail(error: unknown): Promise<void> {
    const { output } = this.#terminal;
    if (this.begun && output.isTTY && !(error instanceof CommandFailure)) await write(this.#terminal, "\n");
  }

  #warn(warnings: readonly Warning[]): void {
    for (const { code, message, field } of warnings)
      tell(this.#terminal, `warning ${code}: ${message}${field ? ` (${field})` : ""}`);
  }

  #sayWhyItEnded({ finishReason }: RunResponse): void {
    if (finishReason === FinishReason.STOP || finishReason === FinishReason.UNSPECIFIED) return;
    tell(this.#terminal, `\nthe model ended because of: ${wordOf(FinishReasonSchema, finishReason)}`);
  }
}

/** The stream as the gateway's plain HTTP face writes it: an event a line, the status last. */
class JsonPrinter implements Printer {
  readonly #terminal: Terminal;
  begun = false;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  async print(event: RunStreamResponse): Promise<void> {
    await write(this.#terminal, `${toJsonString(RunStreamResponseSchema, create(RunStreamResponseSchema, event))}\n`);
    this.begun ||= event.event.case === "textDelta";
  }

  end(): Promise<void> {
    return write(this.#terminal, statusLine());
  }

  async fail(error: unknown): Promise<void> {
    if (!(error instanceof CommandFailure)) await write(this.#terminal, statusLine(error));
  }
}
