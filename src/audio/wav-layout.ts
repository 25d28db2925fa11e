import { LivellmError } from "../core/error.ts";
import { type SampleEncoding, sampleBytes } from "./sample-encoding.ts";

/** What the `fmt ` chunk of a WAV file says. */
export interface WavLayout {
  readonly encoding: SampleEncoding;
  readonly sampleRateHertz: number;
  readonly channelCount: number;
}

const highestRateHertz = 384_000;
const mostChannels = 8;

/**
 * Reads the body of a `fmt ` chunk. Throws `invalid_argument` that says what is wrong with it, or what is not
 * supported: compressed samples other than µ-law and A-law, more than 8 channels, rates outside 1,000 to 384,000 Hz.
 * Source: Microsoft, Multiple Channel Audio Data and WAVE Files (WAVE_FORMAT_EXTENSIBLE).
 */
export function readWavLayout(body: Uint8Array): WavLayout {
  if (body.length < 16) throw badWav(`its fmt chunk has ${body.length} bytes, and needs 16`);
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const bits = view.getUint16(14, true);
  const layout = {
    encoding: encodingOf(formatTag(body, view), bits),
    sampleRateHertz: view.getUint32(4, true),
    channelCount: view.getUint16(2, true),
  };
  checkLayout(layout, view.getUint16(12, true));
  return layout;
}

/** What makes a WAV file unreadable, as an error for the caller. */
export function badWav(problem: string): LivellmError {
  return new LivellmError("invalid_argument", "invalid_request", `the WAV audio cannot be read: ${problem}`);
}

const extensible = 0xfffe;
/** What follows the first two bytes in the sub-format of every plain encoding. */
const subformatRest = "000000001000800000aa00389b71";

function formatTag(body: Uint8Array, view: DataView): number {
  const tag = view.getUint16(0, true);
  if (tag !== extensible) return tag;
  if (body.length < 40) throw badWav("its fmt chunk says that it is extensible, and is too short for it");
  if (Buffer.from(body.subarray(26, 40)).toString("hex") !== subformatRest)
    throw badWav("its samples are in a form that is not known here");
  return view.getUint16(24, true);
}

const encodings: Readonly<Record<string, SampleEncoding>> = {
  "1/8": "pcm8",
  "1/16": "pcm16",
  "1/24": "pcm24",
  "1/32": "pcm32",
  "3/32": "float32",
  "3/64": "float64",
  "6/8": "alaw",
  "7/8": "ulaw",
};

function encodingOf(tag: number, bits: number): SampleEncoding {
  const encoding = encodings[`${tag}/${bits}`];
  if (encoding) return encoding;
  throw badWav(
    `its samples have format ${tag} with ${bits} bits; PCM with 8, 16, 24 or 32, float, µ-law and A-law can be read`,
  );
}

function checkLayout({ encoding, sampleRateHertz, channelCount }: WavLayout, blockBytes: number): void {
  if (sampleRateHertz < 1000 || sampleRateHertz > highestRateHertz)
    throw badWav(`its sample rate of ${sampleRateHertz} Hz is not between 1000 and ${highestRateHertz}`);
  if (channelCount < 1 || channelCount > mostChannels)
    throw badWav(`it has ${channelCount} channels; 1 to ${mostChannels} can be read`);
  const expected = channelCount * sampleBytes[encoding];
  if (blockBytes !== expected) throw badWav(`its frames are said to have ${blockBytes} bytes, and have ${expected}`);
}
