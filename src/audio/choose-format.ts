import { type AudioFormat, isHeaderless } from "../core/audio-format.ts";
import { LivellmError } from "../core/error.ts";
import type { Warning } from "../core/route.ts";
import { plainMediaType } from "./media-type.ts";

/** What to ask of a provider, and what to make of its answer. */
export interface FormatChoice {
  /** One of the offered forms. */
  readonly ask: AudioFormat;
  /**
   * What to convert to, from the form that the answer turns out to have (a rate of 0: its own); absent: it is passed
   * on.
   */
  readonly convertTo?: AudioFormat;
  readonly warnings: readonly Warning[];
}

/** The request field that the warnings and errors name. */
const field = "config.format";

/**
 * Chooses among the forms that a model makes by itself, the preferred one first. Samples (`audio/pcm`, `audio/ulaw`,
 * `audio/alaw`) and WAV can be made of any of the four; everything else only where it is offered. Nothing wanted: the
 * preferred form. Throws `failed_precondition` that names what could be made.
 */
export function chooseFormat(wanted: AudioFormat | undefined, offered: readonly AudioFormat[]): FormatChoice {
  const [preferred] = offered;
  if (!preferred) throw new RangeError("a provider that speaks offers a format");
  if (!wanted?.mimeType) return { ask: preferred, warnings: [] };
  const target = toTarget(wanted);
  const exact = offered.find((format) => serves(format, target));
  if (exact) return { ask: exact, warnings: rateWarnings(exact, target) };
  const source = isConvertible(target.mimeType) ? closest(target.sampleRateHertz, offered) : undefined;
  if (!source) throw cannotBeMade(target, offered);
  const convertTo = { ...target, sampleRateHertz: target.sampleRateHertz || source.sampleRateHertz };
  return { ask: source, convertTo, warnings: [conversionWarning(source, convertTo)] };
}

/**
 * Chooses the form in which live audio goes to a model: as it comes where the model takes that, else samples at the
 * lowest rate that loses nothing, else at the highest there is. Undefined when the model takes no samples at all.
 */
export function chooseInputFormat(given: AudioFormat, accepted: readonly AudioFormat[]): AudioFormat | undefined {
  const same = accepted.find(
    (format) =>
      format.mimeType === plainMediaType(given.mimeType) &&
      (format.sampleRateHertz === 0 || format.sampleRateHertz === given.sampleRateHertz) &&
      channelsOf(format) === channelsOf(given),
  );
  if (same) return { ...same, sampleRateHertz: given.sampleRateHertz };
  return closest(
    given.sampleRateHertz,
    accepted.filter(({ mimeType }) => isHeaderless(mimeType)),
  );
}

/** Telephone audio is 8,000 Hz when nothing is said. */
function toTarget({ mimeType, sampleRateHertz, channelCount }: AudioFormat): AudioFormat {
  const plain = plainMediaType(mimeType);
  const usual = plain === "audio/ulaw" || plain === "audio/alaw" ? 8000 : 0;
  return { mimeType: plain, sampleRateHertz: sampleRateHertz || usual, channelCount: channelCount || 1 };
}

/**
 * Whether an offered form is what is wanted, as it is. What cannot be converted is taken with a rate that is not known.
 */
function serves(offered: AudioFormat, wanted: AudioFormat): boolean {
  if (offered.mimeType !== wanted.mimeType) return false;
  const rate = wanted.sampleRateHertz === 0 || offered.sampleRateHertz === wanted.sampleRateHertz;
  if (!isConvertible(wanted.mimeType)) return rate || offered.sampleRateHertz === 0;
  return rate && channelsOf(offered) === channelsOf(wanted);
}

function rateWarnings(offered: AudioFormat, wanted: AudioFormat): readonly Warning[] {
  if (offered.sampleRateHertz !== 0 || wanted.sampleRateHertz === 0) return [];
  const message = `the model makes ${offered.mimeType} at a rate of its own`;
  return [{ code: "option-ignored", message, field: `${field}.sampleRateHertz` }];
}

/**
 * Samples before WAV, PCM before the laws; then the lowest rate that is high enough, else the highest. A rate of 0, the
 * model's own, comes after all those that are known.
 */
function closest(wantedHertz: number, offered: readonly AudioFormat[]): AudioFormat | undefined {
  return offered
    .filter(({ mimeType }) => isConvertible(mimeType))
    .toSorted((a, b) => codingRank(a) - codingRank(b) || rateRank(a, wantedHertz) - rateRank(b, wantedHertz))[0];
}

function codingRank({ mimeType }: AudioFormat): number {
  return ["audio/pcm", "audio/wav", "audio/ulaw", "audio/alaw"].indexOf(mimeType);
}

function rateRank({ sampleRateHertz }: AudioFormat, wantedHertz: number): number {
  if (wantedHertz === 0) return 0; // the provider's order stays
  if (sampleRateHertz === 0) return 2_000_000;
  return sampleRateHertz >= wantedHertz ? sampleRateHertz : 1_000_000 - sampleRateHertz;
}

function conversionWarning(from: AudioFormat, to: AudioFormat): Warning {
  const resampled = from.sampleRateHertz !== to.sampleRateHertz;
  return {
    code: resampled ? "audio-resampled" : "audio-converted",
    message: `the model makes ${describe(from)}; it is converted to ${describe(to)} here`,
    field,
  };
}

function cannotBeMade(wanted: AudioFormat, offered: readonly AudioFormat[]): LivellmError {
  const own = offered.map(describe).join(", ");
  const convertible = offered.some(({ mimeType }) => isConvertible(mimeType));
  const made = convertible
    ? "; audio/pcm, audio/ulaw, audio/alaw and audio/wav at 8000 to 48000 Hz can be made of it"
    : "";
  const description = `this model does not make ${describe(wanted)}; it makes ${own}${made}`;
  return new LivellmError("failed_precondition", "unsupported", `${field}: ${description}`, {
    violations: [{ field, description, reason: "UNSUPPORTED" }],
  });
}

function describe({ mimeType, sampleRateHertz, channelCount }: AudioFormat): string {
  const rate = sampleRateHertz === 0 ? "" : ` at ${sampleRateHertz} Hz`;
  return `${mimeType}${rate}${channelCount > 1 ? ` with ${channelCount} channels` : ""}`;
}

function isConvertible(mimeType: string): boolean {
  return isHeaderless(mimeType) || mimeType === "audio/wav";
}

function channelsOf({ channelCount }: AudioFormat): number {
  return channelCount || 1;
}
