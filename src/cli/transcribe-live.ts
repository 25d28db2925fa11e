import { type MessageInitShape, toJsonString } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { RouteSchema } from "../../gen/livellm/v1/route_pb.ts";
import {
  type TranscribeStreamRequestSchema,
  type TranscribeStreamResponse,
  TranscribeStreamResponseSchema,
  TranscriptionService,
} from "../../gen/livellm/v1/transcription_service_pb.ts";
import { callFailure, describeAttempt } from "./call-failure.ts";
import type { Connection } from "./connection.ts";
import { wrongUsage } from "./exit-codes.ts";
import { listenForInterrupt } from "./interrupt.ts";
import { type Progress, showProgress } from "./progress.ts";
import { statusLine } from "./status-line.ts";
import { type Terminal, tell, write, writeText } from "./terminal.ts";
import type { TranscribeOptions } from "./transcribe-options.ts";

type Route = MessageInitShape<typeof RouteSchema>;
type Input = MessageInitShape<typeof TranscribeStreamRequestSchema>;

interface Session {
  readonly connection: Connection;
  readonly terminal: Terminal;
}

/** Writes down what comes on the standard input while it comes: a line for each segment that is final. */
export async function transcribeLive(route: Route, options: TranscribeOptions, session: Session): Promise<void> {
  const { connection, terminal } = session;
  const sampleRateHertz = Number(options.rate);
  if (!Number.isInteger(sampleRateHertz)) throw wrongUsage("--rate takes a whole number");
  using interrupt = listenForInterrupt(terminal);
  const progress = showProgress(terminal);
  const format = { mimeType: "audio/pcm", sampleRateHertz };
  const start = { route, format, config: { languageCode: options.language ?? "" } };
  let begun = false;
  const print = async (text: string) => {
    begun = true;
    await writeText(terminal, text);
  };
  try {
    const { signal } = interrupt;
    const events = connection.client(TranscriptionService).transcribeStream(inputs(start, terminal), { signal });
    await readEvents(events, { print, progress, terminal, json: options.json ?? false });
    if (options.json) await print(statusLine());
  } catch (error) {
    progress.clear();
    if (options.json && !terminal.output.errored) await write(terminal, statusLine(error));
    throw callFailure(error, { url: connection.url, begun, what: "the transcript" });
  } finally {
    terminal.input.destroy(); // a microphone that goes on would keep the program from ending
  }
}

/** The largest piece that the contract takes. */
const maxChunkBytes = 1_048_576;

async function* inputs(start: object, { input }: Terminal): AsyncGenerator<Input> {
  yield { input: { case: "start", value: start } };
  for await (const chunk of input) {
    const bytes = new Uint8Array(chunk as Buffer);
    for (let at = 0; at < bytes.length; at += maxChunkBytes)
      yield { input: { case: "audio", value: { data: bytes.subarray(at, at + maxChunkBytes) } } };
  }
}

interface EventReader {
  readonly print: (text: string) => Promise<void>;
  readonly progress: Progress;
  readonly terminal: Terminal;
  readonly json: boolean;
}

async function readEvents(events: AsyncIterable<TranscribeStreamResponse>, reader: EventReader): Promise<void> {
  let finished = false;
  for await (const response of events) {
    if (response.event.case === "finished") finished = true;
    if (reader.json) await reader.print(`${toJsonString(TranscribeStreamResponseSchema, response)}\n`);
    else await showEvent(response.event, reader);
  }
  if (!finished) throw new ConnectError("the stream ended before the transcript was finished", Code.DataLoss);
}

async function showEvent(event: TranscribeStreamResponse["event"], reader: EventReader): Promise<void> {
  const { progress, terminal } = reader;
  switch (event.case) {
    case "segment":
      if (!event.value.isFinal) return progress.update(event.value.text);
      progress.clear();
      return reader.print(`${event.value.text}\n`);
    case "attemptFailed":
      progress.clear();
      return tell(terminal, `${describeAttempt(event.value)}; trying the next target`);
    case "warning":
      progress.clear();
      return tell(terminal, `warning ${event.value.code}: ${event.value.message}`);
    default: // what a turn is made of, heartbeats, and what a later server may add
      return;
  }
}
