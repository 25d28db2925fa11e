// Prints how fast the resampler is, in times real time for one stream in chunks of 20 ms on one core, and how good:
// SINAD of 1 kHz, and how far the loudest alias is down. node bench/audio.ts
import { createConverter } from "../src/audio/convert.ts";
import { createResampler } from "../src/audio/resample.ts";
import { encodeSamples } from "../src/audio/sample-encoding.ts";
import { levelDb, noise, sinadDb, tone } from "../test/audio/measure.ts";

const pairs = [
  [8000, 16_000],
  [8000, 24_000],
  [16_000, 24_000],
  [24_000, 16_000],
  [24_000, 8000],
  [44_100, 24_000],
  [44_100, 16_000],
  [44_100, 48_000],
  [48_000, 44_100],
  [48_000, 24_000],
  [48_000, 16_000],
  [48_000, 8000],
  [47_999, 8001],
] as const;

/** Chunks of 20 ms that are pushed for a measurement: 40 s of audio. */
const count = 2000;

function timesRealTime(push: (chunk: number) => unknown): number {
  for (let i = 0; i < 500; i++) push(i); // until it is compiled
  const before = process.cpuUsage(); // and not the clock: others may be at work too
  for (let i = 0; i < count; i++) push(i);
  const { user, system } = process.cpuUsage(before);
  return (count * 20_000) / (user + system);
}

function resamplerRow(from: number, to: number) {
  const chunk = noise(Math.round(from / 50));
  const resampler = createResampler(from, to);
  const speed = timesRealTime(() => resampler.push(chunk));
  const whole = (samples: Float32Array) => {
    const fresh = createResampler(from, to);
    return Float32Array.of(...fresh.push(samples), ...fresh.flush());
  };
  const aliases = [1, 1.05, 1.3, 1.9].map((place) => (place * to) / 2).filter((hertz) => hertz < from / 2);
  const loudest = Math.max(...aliases.map((hertz) => levelDb(whole(tone(hertz, from, from / 2)))));
  return {
    from,
    to,
    "× real time": Math.round(speed),
    "SINAD dB": Math.round(sinadDb(whole(tone(1000, from, from / 2)), 1000, to)),
    "alias dB": aliases.length > 0 ? Math.round(loudest - levelDb(tone(1000, 8000, 8000))) : undefined,
  };
}

function converterRow(from: string, fromHertz: number, to: string, toHertz: number) {
  const form = (name: string, sampleRateHertz: number) => ({
    mimeType: `audio/${name}`,
    sampleRateHertz,
    channelCount: 1,
  });
  const encoding = from === "pcm" ? "pcm16" : from === "ulaw" ? "ulaw" : "alaw";
  const chunk = encodeSamples(encoding, noise(fromHertz / 50));
  const converter = createConverter(form(from, fromHertz), form(to, toHertz));
  return {
    from: `${from} ${fromHertz}`,
    to: `${to} ${toHertz}`,
    "× real time": Math.round(timesRealTime(() => converter.push(chunk))),
  };
}

console.table(pairs.map(([from, to]) => resamplerRow(from, to)));
console.table([
  converterRow("ulaw", 8000, "pcm", 8000),
  converterRow("ulaw", 8000, "pcm", 24_000),
  converterRow("pcm", 24_000, "ulaw", 8000),
  converterRow("pcm", 48_000, "pcm", 16_000),
  converterRow("pcm", 16_000, "wav", 24_000),
]);
