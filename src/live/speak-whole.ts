import { closeWav } from "../audio/wav.ts";
import type { AudioFormat, Word } from "../core/audio-format.ts";
import { LivellmError } from "../core/error.ts";
import type { RouteResult, Warning } from "../core/route.ts";
import type { Usage } from "../core/usage.ts";
import type { SpeakEvent } from "./speak-event.ts";

/** A whole speech. */
export interface WholeSpeech {
  readonly audio: Uint8Array;
  readonly format: AudioFormat;
  readonly durationMs?: number;
  readonly words: readonly Word[];
  readonly usage: Usage;
  readonly routeResult: RouteResult;
  readonly warnings: readonly Warning[];
}

/** The most audio that is put together in memory: 46 minutes of PCM16 at 24,000 Hz. */
const mostBytes = 128 * 1024 * 1024;

/** Collects a speech. Throws `resource_exhausted` when it is too long to be held whole. */
export async function speakWhole(events: AsyncIterable<SpeakEvent>): Promise<WholeSpeech> {
  const audio: Uint8Array[] = [];
  const words: Word[] = [];
  let bytes = 0;
  let started: Extract<SpeakEvent, { type: "started" }> | undefined;
  for await (const event of events) {
    if (event.type === "started") started = event;
    if (event.type === "words") words.push(...event.words);
    if (event.type === "finished" && started) return put(started, event, { audio, words });
    if (event.type !== "audio") continue;
    bytes += event.data.length;
    if (bytes > mostBytes) throw tooLong();
    audio.push(event.data);
  }
  throw new LivellmError("internal", "internal", "the speech ended without a result");
}

function put(
  started: Extract<SpeakEvent, { type: "started" }>,
  finished: Extract<SpeakEvent, { type: "finished" }>,
  collected: { readonly audio: readonly Uint8Array[]; readonly words: readonly Word[] },
): WholeSpeech {
  const { durationMs, usage, routeResult, warnings } = finished;
  const audio = Buffer.concat(collected.audio);
  return {
    audio: started.format.mimeType === "audio/wav" ? closeWav(audio) : audio,
    format: started.format,
    ...(durationMs !== undefined && { durationMs }),
    words: collected.words,
    usage,
    routeResult,
    warnings: [...started.warnings, ...warnings],
  };
}

function tooLong(): LivellmError {
  const message = `the audio is longer than ${mostBytes} bytes; use SpeakStream, or a compressed format`;
  return new LivellmError("resource_exhausted", "overloaded", message);
}
