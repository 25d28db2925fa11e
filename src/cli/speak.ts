import { Code, ConnectError } from "@connectrpc/connect";
import type { Command } from "commander";
import { AudioService, type SpeakFinished, type SpeakStreamResponse } from "../../gen/livellm/v1/audio_service_pb.ts";
import { beginAudioFile } from "./audio-file.ts";
import { callFailure, describeAttempt } from "./call-failure.ts";
import { type Connection, connect } from "./connection.ts";
import { wrongUsage } from "./exit-codes.ts";
import { listenForInterrupt } from "./interrupt.ts";
import { bytesInWords, type Progress, secondsInWords, showProgress } from "./progress.ts";
import { withRouteOptions } from "./route-options.ts";
import { formatNames, type SpeakInit, type SpeakOptions, speakRequest } from "./speak-request.ts";
import { type Terminal, tell, write } from "./terminal.ts";

/** `livellm speak`: text in, audio out, as it is made. */
export function addSpeak(program: Command, terminal: Terminal): void {
  withRouteOptions(program.command("speak"))
    .description("speak a text, into a file or to the standard output")
    .argument("[text...]", "what to say; read from the standard input when there is no --file either")
    .option("-f, --file <file>", "a file with the text")
    .option("-o, --output <file>", "where the audio goes; the standard output when not given, or -")
    .option("--format <name>", `${formatNames.join(", ")}; by the output's name, else wav`)
    .option("--rate <hertz>", "samples a second; the model's own when not given")
    .option("-v, --voice <voice>", "the voice, as its provider calls it")
    .option("--speed <factor>", "1 is the voice's own")
    .option("--language <code>", "the language, such as en-GB; found from the text when not given")
    .option("--instructions <text>", "how to say it, for models that take such")
    .addHelpText("after", examples)
    .action(async (words: string[], _: unknown, command: Command) => speak(words, command.optsWithGlobals(), terminal));
}

const examples = `
Examples:
  livellm speak --model flite -o hello.wav "Hello from the command line"
  livellm speak -p openai -m gpt-4o-mini-tts -v alloy -o chapter.mp3 --file chapter.txt
  livellm speak --model flite "Hello" | aplay
`;

async function speak(words: readonly string[], options: SpeakOptions, terminal: Terminal): Promise<void> {
  const request = await speakRequest(words, options, terminal);
  const file = options.output === "-" ? undefined : options.output;
  if (file === undefined && terminal.output.isTTY)
    throw wrongUsage("the audio would go to this terminal: name a file with --output, or pipe it to a player");
  using connection = connect(options, terminal);
  const put = (bytes: Uint8Array) => write(terminal, bytes);
  if (file === undefined) await receive(request, { connection, terminal, put, keepsParts: true });
  else await receiveFile(request, file, { connection, terminal });
}

interface Receiver {
  readonly connection: Connection;
  readonly terminal: Terminal;
  readonly put: (bytes: Uint8Array) => Promise<void>;
  /** Whether what has been put stays when the rest does not come. */
  readonly keepsParts: boolean;
}

async function receiveFile(
  request: SpeakInit,
  file: string,
  receiver: Omit<Receiver, "put" | "keepsParts">,
): Promise<void> {
  const audio = await beginAudioFile(file).catch((error: unknown) => {
    throw wrongUsage(`${file} cannot be written: ${error instanceof Error ? error.message : String(error)}`);
  });
  try {
    await receive(request, { ...receiver, put: audio.write, keepsParts: false });
    await audio.finish();
  } catch (error) {
    await audio.discard();
    throw error;
  }
}

/** Puts the audio where it goes. Throws a CommandFailure unless all of it has come. */
async function receive(request: SpeakInit, { connection, terminal, put, keepsParts }: Receiver): Promise<void> {
  using interrupt = listenForInterrupt(terminal);
  const progress = showProgress(terminal);
  let received = 0;
  const take = async (bytes: Uint8Array) => {
    await put(bytes);
    received += bytes.length;
    progress.update(`${bytesInWords(received)} …`);
  };
  try {
    const events = connection.client(AudioService).speakStream(request, { signal: interrupt.signal });
    const { durationMs } = await readEvents(events, { take, terminal, progress });
    const length = durationMs === undefined ? "" : `, ${secondsInWords(durationMs)}`;
    progress.finish(`${bytesInWords(received)}${length}`);
  } catch (error) {
    progress.clear();
    throw callFailure(error, { url: connection.url, begun: keepsParts && received > 0, what: "the audio" });
  }
}

interface EventReader {
  readonly take: (bytes: Uint8Array) => Promise<void>;
  readonly terminal: Terminal;
  readonly progress: Progress;
}

async function readEvents(events: AsyncIterable<SpeakStreamResponse>, reader: EventReader): Promise<SpeakFinished> {
  let finished: SpeakFinished | undefined;
  for await (const { event } of events) {
    if (event.case === "audio") await reader.take(event.value.data);
    if (event.case === "finished") finished = event.value;
    for (const line of remarks(event)) {
      reader.progress.clear();
      tell(reader.terminal, line);
    }
  }
  if (finished) return finished;
  throw new ConnectError("the stream ended before the speech was finished", Code.DataLoss);
}

function remarks(event: SpeakStreamResponse["event"]): readonly string[] {
  if (event.case === "attemptFailed") return [`${describeAttempt(event.value)}; trying the next target`];
  if (event.case !== "started" && event.case !== "finished") return [];
  return event.value.warnings.map(({ code, message }) => `warning ${code}: ${message}`);
}
