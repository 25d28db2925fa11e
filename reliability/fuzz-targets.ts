import { isDeepStrictEqual } from "node:util";
import { sniffAudio } from "../src/audio/sniff.ts";
import { WavReader } from "../src/audio/wav-reader.ts";
import { LivellmError } from "../src/core/error.ts";
import { readLines } from "../src/upstream/lines.ts";
import { readServerSentEvents } from "../src/upstream/server-sent-events.ts";
import type { FaultGateway } from "./fault-gateway.ts";
import { sendFrames } from "./fuzz-frames.ts";
import type { Random } from "./random.ts";

/** Something that reads what others write. */
export interface FuzzTarget {
  /** Its folder in the corpus. */
  readonly name: string;
  /** Throws when the input has broken it. */
  feed(input: Buffer, random: Random): Promise<void>;
}

/** The readers of this source tree, and the doors of a started gateway. */
const feeds: Readonly<Record<string, (url: string, input: Buffer, random: Random) => Promise<void>>> = {
  sse: (_, input, random) => readsTheSame(input, random, readServerSentEvents),
  "json-lines": (_, input, random) => readsTheSame(input, random, readLines),
  wav: (_, input, random) => feedWav(input, random),
  "json-bodies": (url, input, random) => post({ url, contentType: "application/json", body: input }, random),
  "protobuf-bodies": (url, input, random) => post({ url, contentType: "application/proto", body: input }, random),
  "web-socket-frames": (url, input) => sendFrames(url, input),
};

/** The formats that there are. */
export const fuzzNames: readonly string[] = Object.keys(feeds);

/** Throws when there is no such format. */
export function fuzzTarget(name: string, { url }: Pick<FaultGateway, "url">): FuzzTarget {
  const feed = feeds[name];
  if (!feed) throw new Error(`there is no format ${name}; there are ${fuzzNames.join(", ")}`);
  return { name, feed: (input, random) => feed(url, input, random) };
}

type Reader = (bytes: AsyncIterable<Uint8Array>) => AsyncIterable<unknown>;

/** However the bytes are cut, the same comes out of them: or the same error. */
async function readsTheSame(input: Buffer, random: Random, read: Reader): Promise<void> {
  const atOnce = await outcomeOf(read(pieces([input])));
  const inPieces = await outcomeOf(read(pieces(cutAnywhere(input, random))));
  if (!isDeepStrictEqual(atOnce, inPieces)) throw new Error("what comes out depends on how it is cut");
}

async function* pieces(all: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* all;
}

function cutAnywhere(input: Buffer, random: Random): readonly Buffer[] {
  const all: Buffer[] = [];
  for (let at = 0; at < input.length; ) {
    const size = 1 + random.whole(random.whole(4) === 0 ? 3 : 2_000);
    all.push(input.subarray(at, at + size));
    at += size;
  }
  return all;
}

async function outcomeOf(items: AsyncIterable<unknown>): Promise<readonly unknown[]> {
  const all: unknown[] = [];
  try {
    for await (const item of items) all.push(item);
  } catch (error) {
    all.push(ourError(error));
  }
  return all;
}

/** Anything but our own error is a find. Its message may say more where more was seen at once. */
function ourError(error: unknown): string {
  if (error instanceof LivellmError) return error.code;
  throw error;
}

async function feedWav(input: Buffer, random: Random): Promise<void> {
  sniffAudio(input);
  const atOnce = samplesOf([input]);
  const inPieces = samplesOf(cutAnywhere(input, random));
  if (atOnce !== inPieces) throw new Error("what comes out depends on how it is cut");
}

function samplesOf(all: readonly Buffer[]): string {
  const reader = new WavReader();
  const samples: Uint8Array[] = [];
  try {
    for (const piece of all) samples.push(reader.push(piece));
    reader.end();
  } catch (error) {
    return ourError(error);
  }
  return Buffer.concat(samples).toString("base64");
}

const paths = [
  "AgentService/Run",
  "AgentService/RunStream",
  "AudioService/Speak",
  "AudioService/Transcribe",
  "ProvidersService/ListProviders",
  "ProvidersService/UpdateProvider",
  "RoutesService/CreateRoute",
  "ModelsService/ListModels",
];

interface Post {
  readonly url: string;
  readonly contentType: string;
  readonly body: Buffer;
}

/** Whatever is in the body, it is answered in time, and the fault is never the server's own. */
async function post({ url, contentType, body }: Post, random: Random): Promise<void> {
  const path = random.pick(paths);
  const headers = { "content-type": contentType, "connect-timeout-ms": "5000", "x-timeout-ms": "5000" };
  const init = { method: "POST", headers, body: new Uint8Array(body), signal: AbortSignal.timeout(10_000) };
  const response = await fetch(`${url}/livellm.v1.${path}`, init);
  const answer = await response.text();
  // gRPC's own code for a message that cannot be decoded is `internal` (grpc.io, "Status codes and their use").
  if (response.status === 500 && !answer.includes('"parse binary: '))
    throw new Error(`${path} answers 500: ${answer.slice(0, 300)}`);
}
