import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  type TranscribeStreamRequestSchema,
  type TranscribeStreamResponse,
  TranscriptionService,
} from "../../../gen/livellm/v1/transcription_service_pb.ts";
import { LivellmError } from "../../core/error.ts";
import { linkedController } from "../../streams/signals.ts";
import type { Caller } from "../gateway.ts";
import { httpErrorOf } from "../http-error.ts";
import { isJsonObject, type JsonObject } from "../json.ts";
import { jsonLine } from "../json-text.ts";
import type { MessageSocket } from "../message-socket.ts";
import {
  boolean,
  dictionary,
  integer,
  type invalid,
  object,
  oneOf,
  optional,
  readAs,
  required,
  text,
  withDefault,
} from "../schema.ts";
import type { SurfaceOptions } from "../surface.ts";
import { inLivellmWords } from "./domain-error.ts";
import { routeThrough } from "./route.ts";

type Request = MessageInitShape<typeof TranscribeStreamRequestSchema>;

const init = object({
  provider_uid: required(text),
  model: required(text),
  language: withDefault(text, () => "auto"),
  input_sample_rate: withDefault(integer({ ge: 8_000, le: 48_000 }), () => 24_000),
  input_audio_format: withDefault(oneOf(["audio/pcm", "audio/ulaw", "audio/alaw"]), () => "audio/pcm" as const),
  gen_config: optional(dictionary),
  interim: withDefault(boolean, () => false),
});

type Init = Exclude<ReturnType<typeof init>, typeof invalid>;

/** The most audio in one chunk, as the contract has it. */
const maxChunkBytes = 1_048_576;

const { transcribeStream } = TranscriptionService.method;

/**
 * Serves one live transcription. Replies hold what every generation of clients reads. Each final segment is one result; with
 * `interim: true` in the first message, interim texts come too, marked by `is_final`. `{"end": true}` is the end of the audio:
 * what is left is sent, then a result with `is_end: true`, then the socket is closed with 1000.
 */
export async function serveTranscription(
  client: MessageSocket,
  caller: Caller,
  { gateway, explainError }: SurfaceOptions,
): Promise<void> {
  const messages = client.messages[Symbol.asyncIterator]();
  using controller = linkedController(client.signal);
  let start: Init | undefined;
  try {
    start = await readInit(messages);
    if (!start) return;
    const own = { ...caller, signal: controller.signal };
    await passOn(client, gateway.stream(transcribeStream, requestsOf(start, messages), own));
    client.close(1000, "end of audio");
  } catch (error) {
    controller.abort(error);
    if (client.signal.aborted) return;
    const told = inLivellmWords(error, start ? [routeOf(start)] : []);
    await refuse(client, httpErrorOf(told, caller.requestId, explainError).message);
  }
}

async function passOn(client: MessageSocket, events: AsyncIterable<TranscribeStreamResponse>): Promise<void> {
  let accepted = false;
  for await (const { event } of events) {
    // It starts anew, unseen by the client, when another target takes over.
    if (event.case === "started" && !accepted) await accept(client);
    accepted ||= event.case === "started";
    if (event.case === "segment" && event.value.text !== "") await client.send(resultOf(event.value));
  }
  await client.send(jsonLine({ transcription: "", received_at: now(), is_end: true, is_final: true }));
}

async function readInit(messages: AsyncIterator<string | Uint8Array>): Promise<Init | undefined> {
  const first = await messages.next();
  return first.done ? undefined : readAs(init, parsed(first.value) ?? first.value, []);
}

function parsed(message: string | Uint8Array): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(String(message));
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

async function accept(client: MessageSocket): Promise<void> {
  await client.send(
    jsonLine({ success: true, error: null, status: "success", action: "transcription_session", data: {} }),
  );
}

async function refuse(client: MessageSocket, error: string): Promise<void> {
  await client.send(jsonLine({ success: false, error, status: "error", action: "transcription_session", data: {} }));
  client.close(1011, error);
}

function resultOf(segment: { text: string; isFinal: boolean; startMs?: number; endMs?: number }): string {
  const { text: transcription, isFinal, startMs, endMs } = segment;
  return jsonLine({
    transcription,
    received_at: now(),
    // To clients of 1.3 and before, true is the end of the session.
    is_end: false,
    is_final: isFinal,
    start_ms: startMs ?? null,
    end_ms: endMs ?? null,
  });
}

function now(): string {
  return new Date().toISOString();
}

async function* requestsOf(start: Init, messages: AsyncIterator<string | Uint8Array>): AsyncGenerator<Request> {
  yield { input: { case: "start", value: startOf(start) } };
  for (let next = await messages.next(); !next.done; next = await messages.next()) {
    const bytes = audioIn(next.value);
    if (bytes === "end") return;
    for (let at = 0; at < bytes.length; at += maxChunkBytes) {
      yield { input: { case: "audio", value: { data: bytes.subarray(at, at + maxChunkBytes) } } };
    }
  }
  // The client has gone without saying so; nobody waits for what was left.
  throw new LivellmError("canceled", "cancelled", "the client has closed the connection");
}

function routeOf({ provider_uid, model, gen_config }: Init) {
  const given = Object.entries(gen_config ?? {}).filter(
    ([name, value]) => recogniserOptions.has(name) && value !== null,
  );
  return routeThrough([{ providerUid: provider_uid, model, options: Object.fromEntries(given) }], { parallel: false });
}

/** What livellm's own recogniser can be told for one session. What means nothing to anybody is passed over, as it was. */
const recogniserOptions: ReadonlySet<string> = new Set([
  "speech_start_threshold",
  "speech_end_threshold",
  "start_hold_chunks",
  "end_hold_chunks",
  "min_token_confidence",
  "dedupe",
  "suppress_silence",
  "max_utterance_seconds",
]);

function startOf(given: Init) {
  const { language, input_sample_rate, input_audio_format, gen_config, interim } = given;
  const { prompt, turn_threshold, turn_prefix_padding_ms, turn_silence_duration_ms } = gen_config ?? {};
  const number = (value: unknown) => (typeof value === "number" ? value : undefined);
  const silence = {
    threshold: number(turn_threshold),
    prefixMs: number(turn_prefix_padding_ms),
    silenceMs: number(turn_silence_duration_ms),
  };
  const set = Object.values(silence).some((value) => value !== undefined);
  return {
    route: routeOf(given),
    config: { languageCode: language === "auto" ? "" : language, prompt: typeof prompt === "string" ? prompt : "" },
    format: { mimeType: input_audio_format, sampleRateHertz: input_sample_rate },
    ...(set && { turnDetection: { mode: { case: "silence" as const, value: silence } } }),
    finalOnly: !interim,
  };
}

/** The audio of a message: base64 in JSON, or bytes as they are. What is neither is passed over, as livellm does. */
function audioIn(message: string | Uint8Array): Uint8Array | "end" {
  if (typeof message !== "string") return message;
  const value = parsed(message);
  if (!value) return new Uint8Array();
  const { audio, end, is_end } = value;
  if (end === true || is_end === true) return "end";
  return typeof audio === "string" ? new Uint8Array(Buffer.from(audio, "base64")) : new Uint8Array();
}
