import { readFile } from "node:fs/promises";
import path from "node:path";
import { toJsonString } from "@bufbuild/protobuf";
import type { Command } from "commander";
import {
  AudioService,
  type TranscribeResponse,
  TranscribeResponseSchema,
} from "../../gen/livellm/v1/audio_service_pb.ts";
import { callFailure } from "./call-failure.ts";
import { type Connection, connect } from "./connection.ts";
import { CommandFailure, type ExitCode, exitCodes, wrongUsage } from "./exit-codes.ts";
import { listenForInterrupt } from "./interrupt.ts";
import { bytesInWords, secondsInWords, showProgress } from "./progress.ts";
import { routeOf, withRouteOptions } from "./route-options.ts";
import { type Terminal, tell, writeText } from "./terminal.ts";
import { transcribeLive } from "./transcribe-live.ts";
import type { TranscribeOptions } from "./transcribe-options.ts";

const mimeTypes: Readonly<Record<string, string>> = {
  ".wav": "audio/wav",
  ".mp3": "audio/mpeg",
  ".mpga": "audio/mpeg",
  ".ogg": "audio/ogg",
  ".opus": "audio/ogg",
  ".flac": "audio/flac",
  ".aac": "audio/aac",
  ".m4a": "audio/mp4",
  ".mp4": "audio/mp4",
  ".webm": "audio/webm",
};

/** `livellm transcribe`: recordings, or a live stream of samples, in; text out. */
export function addTranscribe(program: Command, terminal: Terminal): void {
  withRouteOptions(program.command("transcribe"))
    .description("write down recordings, or with --live what comes on the standard input")
    .argument("[files...]", "recordings; what is in them is seen by their names' endings")
    .option("--language <code>", "the language spoken, such as en-GB; found from the audio when not given")
    .option("--json", "the API's own form, a line each")
    .option("--live", "16-bit little-endian samples from the standard input; a line when something has been said")
    .option("--rate <hertz>", "with --live: samples a second", "16000")
    .addHelpText("after", examples)
    .action(async (files: string[], _: unknown, command: Command) =>
      transcribe(files, command.optsWithGlobals(), terminal),
    );
}

const examples = `
Examples:
  livellm transcribe --model moonshine-base meeting.wav
  livellm transcribe -p openai -m gpt-4o-transcribe monday.mp3 tuesday.mp3
  arecord -q -t raw -f S16_LE -r 16000 | livellm transcribe --live --model moonshine-base
`;

async function transcribe(files: readonly string[], options: TranscribeOptions, terminal: Terminal): Promise<void> {
  const route = routeOf(options);
  if (options.live && files.length > 0) throw wrongUsage("--live takes samples from the standard input, and no files");
  if (!options.live && files.length === 0) throw wrongUsage("name the recordings, or say --live");
  using connection = connect(options, terminal);
  if (options.live) await transcribeLive(route, options, { connection, terminal });
  else await transcribeFiles(files, { route, options, connection, terminal });
}

interface Recordings {
  readonly route: ReturnType<typeof routeOf>;
  readonly options: TranscribeOptions;
  readonly connection: Connection;
  readonly terminal: Terminal;
}

/** One after another. One that fails is said so and does not keep the others; the end is then that of the first failure. */
async function transcribeFiles(files: readonly string[], recordings: Recordings): Promise<void> {
  using interrupt = listenForInterrupt(recordings.terminal);
  const failed: ExitCode[] = [];
  for (const file of files) {
    try {
      const response = await transcribeFile(file, recordings, interrupt.signal);
      await writeText(recordings.terminal, inWords(response, files.length > 1 ? file : undefined, recordings.options));
    } catch (error) {
      const failure = callFailure(error, { url: recordings.connection.url });
      if (files.length === 1 || interrupt.signal.aborted) throw failure;
      failed.push(failure.exitCode);
      for (const [i, line] of failure.lines.entries()) tell(recordings.terminal, i === 0 ? `${file}: ${line}` : line);
    }
  }
  if (failed[0]) throw new CommandFailure(failed[0], [`${failed.length} of ${files.length} recordings failed`]);
}

async function transcribeFile(
  file: string,
  { route, options, connection, terminal }: Recordings,
  signal: AbortSignal,
): Promise<TranscribeResponse> {
  const data = await readRecording(file);
  const progress = showProgress(terminal);
  progress.update(`${file}: ${bytesInWords(data.length)} …`);
  const began = performance.now();
  try {
    const audio = { source: { case: "data" as const, value: data }, mimeType: mimeTypeOf(file) };
    const config = { languageCode: options.language ?? "" };
    const response = await connection.client(AudioService).transcribe({ route, audio, config }, { signal });
    const length = response.durationMs === undefined ? "" : `, ${secondsInWords(response.durationMs)} of audio`;
    progress.finish(`${file}: ${bytesInWords(data.length)}${length}, in ${secondsInWords(performance.now() - began)}`);
    return response;
  } catch (error) {
    progress.clear();
    throw error;
  }
}

async function readRecording(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new CommandFailure(exitCodes.failed, [error instanceof Error ? error.message : String(error)]);
  }
}

function mimeTypeOf(file: string): string {
  const mimeType = mimeTypes[path.extname(file).toLowerCase()];
  if (mimeType) return mimeType;
  const known = Object.keys(mimeTypes).join(", ");
  throw new CommandFailure(exitCodes.failed, [`what is in ${file} is not known by its name; known are ${known}`]);
}

/** Several recordings are told apart as grep tells files apart. */
function inWords(response: TranscribeResponse, file: string | undefined, { json }: TranscribeOptions): string {
  const text = json ? toJsonString(TranscribeResponseSchema, response) : response.text;
  return file === undefined || json ? `${text}\n` : `${file}: ${text}\n`;
}
