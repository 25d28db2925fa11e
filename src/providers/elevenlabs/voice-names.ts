import { LivellmError } from "../../core/error.ts";
import type { Voice } from "../../core/speech.ts";
import { unsupported } from "../openai-compatible/unsupported.ts";

/** Finds the id of a voice that may be given by its name. */
export type FindVoice = (voice: string, signal: AbortSignal) => Promise<string>;

const field = "route.targets[].voice";

/** The ids that ElevenLabs makes; names do not look like that. */
const ids = /^[A-Za-z0-9]{20}$/;

/** A list that is older is asked for again before a name is said to be unknown. */
const freshMs = 30_000;

/**
 * Finds voices by id, or by name without regard to case; `Roger` finds `Roger - Laid-Back, Casual`. The list is asked for once,
 * and kept as long as the provider is. Throws `not_found` that names near ones, and `failed_precondition` for a name that
 * several have, before anything is paid for.
 */
export function createFindVoice(list: (signal: AbortSignal) => Promise<readonly Voice[]>): FindVoice {
  let known: { readonly voices: readonly Voice[]; readonly at: number } | undefined;
  const refresh = async (signal: AbortSignal) => {
    known = { voices: await list(signal), at: performance.now() };
    return known.voices;
  };
  return async (voice, signal) => {
    if (voice === "") throw unsupported(field, "ElevenLabs needs a voice: an id, or a name of ListVoices");
    if (ids.test(voice)) return voice;
    const found = matches(voice, known?.voices ?? []);
    if (found.length > 0) return only(found, voice);
    if (known && performance.now() - known.at < freshMs) throw unknownVoice(voice, known.voices);
    const voices = await refresh(signal);
    const foundNow = matches(voice, voices);
    if (foundNow.length === 0) throw unknownVoice(voice, voices);
    return only(foundNow, voice);
  };
}

/** By the whole name, else by what stands before ` - `. An id in another form than usual is an id all the same. */
function matches(voice: string, voices: readonly Voice[]): readonly Voice[] {
  const wanted = voice.trim().toLowerCase();
  const whole = voices.filter(({ id, displayName }) => id === voice || displayName.toLowerCase() === wanted);
  if (whole.length > 0) return whole;
  return voices.filter(({ displayName }) => displayName.toLowerCase().split(" - ")[0]?.trim() === wanted);
}

function only(found: readonly Voice[], voice: string): string {
  const [first, ...others] = found;
  if (first && others.length === 0) return first.id;
  const list = found.map(({ id, displayName }) => `${displayName} (${id})`).join(", ");
  throw unsupported(field, `${found.length} voices are called "${voice}": ${list}; give the id`);
}

function unknownVoice(voice: string, voices: readonly Voice[]): LivellmError {
  const near = nearest(
    voice,
    voices.map(({ displayName }) => displayName).filter((name) => name !== ""),
  );
  const hint = near.length > 0 ? `; near it are ${near.join(", ")}` : "; ListVoices has those there are";
  const description = `there is no voice "${voice}"${hint}`;
  return new LivellmError("not_found", "not_found", `${field}: ${description}`, {
    violations: [{ field, description, reason: "UNKNOWN" }],
  });
}

/** Names that share enough pairs of letters with the one that was given, the nearest first. */
function nearest(voice: string, names: readonly string[]): readonly string[] {
  const wanted = pairs(voice);
  const scored = names.map((name) => ({ name, score: likeness(wanted, pairs(name.split(" - ")[0] ?? name)) }));
  const near = scored.filter(({ score }) => score >= 0.3).sort((a, b) => b.score - a.score);
  return near.slice(0, 5).map(({ name }) => name);
}

function pairs(text: string): ReadonlySet<string> {
  const letters = ` ${text.toLowerCase()} `;
  return new Set(Array.from({ length: letters.length - 1 }, (_, i) => letters.slice(i, i + 2)));
}

/** Dice's coefficient: 1 for the same pairs, 0 for none in common. */
function likeness(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  return (2 * [...a].filter((pair) => b.has(pair)).length) / (a.size + b.size);
}
