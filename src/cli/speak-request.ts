import { readFile } from "node:fs/promises";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { SpeakStreamRequestSchema } from "../../gen/livellm/v1/audio_service_pb.ts";
import type { ConnectionOptions } from "./connection.ts";
import { wrongUsage } from "./exit-codes.ts";
import { type RouteOptions, routeOf } from "./route-options.ts";
import { readInput, type Terminal } from "./terminal.ts";

/** What `livellm speak` takes. */
export interface SpeakOptions extends RouteOptions, ConnectionOptions {
  readonly file?: string;
  readonly output?: string;
  readonly format?: string;
  readonly rate?: string;
  readonly speed?: string;
  readonly language?: string;
  readonly instructions?: string;
}

/** A request of SpeakStream. */
export type SpeakInit = MessageInitShape<typeof SpeakStreamRequestSchema>;

const mimeTypes: Readonly<Record<string, string>> = {
  wav: "audio/wav",
  mp3: "audio/mpeg",
  ogg: "audio/ogg",
  flac: "audio/flac",
  aac: "audio/aac",
  pcm: "audio/pcm",
};

/** What `--format` takes. */
export const formatNames: readonly string[] = Object.keys(mimeTypes);

/** What is to be said, and how. Throws a CommandFailure for a command line that is not right. */
export async function speakRequest(
  words: readonly string[],
  options: SpeakOptions,
  terminal: Terminal,
): Promise<SpeakInit> {
  return { route: routeOf(options), text: await textOf(words, options, terminal), config: configOf(options) };
}

async function textOf(words: readonly string[], { file }: SpeakOptions, terminal: Terminal): Promise<string> {
  if (file !== undefined && words.length > 0) throw wrongUsage("a text and --file: choose one");
  const given = words.join(" ");
  const text = given || (file === undefined ? await readInput(terminal) : await readText(file));
  if (text.trim() === "") throw wrongUsage("there is nothing to say: give a text, --file, or the standard input");
  return text;
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw wrongUsage(error instanceof Error ? error.message : String(error));
  }
}

function configOf({ format, output = "", rate, speed, language, instructions }: SpeakOptions) {
  return {
    format: {
      mimeType: mimeTypeOf(format, output),
      sampleRateHertz: rate === undefined ? 0 : numberOf("--rate", rate),
    },
    ...(speed !== undefined && { speed: numberOf("--speed", speed) }),
    languageCode: language ?? "",
    instructions: instructions ?? "",
  };
}

function mimeTypeOf(format: string | undefined, output: string): string {
  const name = format ?? /\.(\w+)$/.exec(output)?.[1] ?? "wav";
  const mimeType = mimeTypes[name.toLowerCase()];
  if (mimeType) return mimeType;
  throw wrongUsage(`there is no format "${name}"; say one with --format: ${formatNames.join(", ")}`);
}

function numberOf(option: string, text: string): number {
  const number = Number(text);
  if (text.trim() !== "" && Number.isFinite(number)) return number;
  throw wrongUsage(`${option} takes a number`);
}
