import { LivellmError } from "../core/error.ts";
import type { KnownModel } from "../routing/known-model.ts";
import type { Requirements } from "./models-messages.ts";

/** One thing that a model must do, by the request's field name. */
interface Requirement {
  readonly field: string;
  /** As it was asked for. */
  readonly wanted: string;
  readonly meets: (model: KnownModel) => boolean;
}

/**
 * The models that meet all requirements; what is not known of a model is not met. Throws `not_found` that names the
 * requirement that nobody meets, or at which, with those before it, nobody is left.
 */
export function modelsMeeting(requirements: Requirements, models: readonly KnownModel[]): readonly KnownModel[] {
  const all = requirementsIn(requirements);
  const meeting = models.filter((model) => all.every(({ meets }) => meets(model)));
  if (meeting.length > 0) return meeting;
  const unmet = all.filter(({ meets }) => !models.some(meets));
  throw unmet.length > 0 ? nobodyMeets(unmet, models.length) : nobodyMeetsTogether(all, models);
}

function requirementsIn(asked: Requirements): readonly Requirement[] {
  const { languageCode, providers, local, minContextWindow, minOutputTokens } = asked;
  return [
    ...allOf("capabilities", asked.capabilities, (model) => model.capabilities),
    ...allOf("features", asked.features, (model) => model.features),
    ...allOf("inputModalities", asked.inputModalities, (model) => model.inputModalities),
    ...allOf("outputModalities", asked.outputModalities, (model) => model.outputModalities),
    ...when(minContextWindow > 0, { minContextWindow }, (model) => (model.contextWindow ?? 0) >= minContextWindow),
    ...when(minOutputTokens > 0, { minOutputTokens }, (model) => (model.maxOutputTokens ?? 0) >= minOutputTokens),
    ...when(languageCode !== "", { languageCode }, (model) => speaks(model, languageCode)),
    ...when(providers.length > 0, { providers }, ({ provider }) => providers.includes(provider)),
    ...when(local, { local }, (model) => model.local === true),
    ...atMost("maxInputUsdPerMtok", asked.maxInputUsdPerMtok, ({ pricing }) => pricing?.inputUsdPerMtok),
    ...atMost("maxOutputUsdPerMtok", asked.maxOutputUsdPerMtok, ({ pricing }) => pricing?.outputUsdPerMtok),
  ];
}

function when(
  asked: boolean,
  named: Readonly<Record<string, unknown>>,
  meets: Requirement["meets"],
): readonly Requirement[] {
  if (!asked) return [];
  return Object.entries(named).map(([field, wanted]) => ({ field, wanted: String(wanted), meets }));
}

function allOf(
  field: string,
  wanted: readonly string[],
  of: (model: KnownModel) => readonly string[] | undefined,
): readonly Requirement[] {
  return wanted.map((one) => ({ field, wanted: one, meets: (model) => of(model)?.includes(one) ?? false }));
}

function atMost(
  field: string,
  most: number | undefined,
  of: (model: KnownModel) => number | undefined,
): readonly Requirement[] {
  if (most === undefined) return [];
  return [{ field, wanted: String(most), meets: (model) => (of(model) ?? Number.POSITIVE_INFINITY) <= most }];
}

/** `en` is met by `en-GB`, and `en-GB` by `en`: a model says either. */
function speaks({ languageCodes }: KnownModel, wanted: string): boolean {
  const asked = wanted.toLowerCase();
  const codes = (languageCodes ?? []).map((code) => code.toLowerCase());
  return codes.some((code) => code === asked || code.startsWith(`${asked}-`) || asked.startsWith(`${code}-`));
}

function nobodyMeets(unmet: readonly Requirement[], count: number): LivellmError {
  const each = unmet.map(({ field, wanted }) => `${field} ${wanted}`).join(", ");
  const message = `none of the ${count} models is known to meet the requirement ${each}`;
  return notFound(message, unmet);
}

/** Each alone is met by somebody; the first one that leaves nobody is the one to give way on. */
function nobodyMeetsTogether(all: readonly Requirement[], models: readonly KnownModel[]): LivellmError {
  const left = (count: number) => models.filter((model) => all.slice(0, count).every(({ meets }) => meets(model)));
  const position = all.findIndex((_, i) => left(i + 1).length === 0);
  const breaking = all.slice(position, position + 1);
  const before = all.slice(0, position).map(({ field, wanted }) => `${field} ${wanted}`);
  const each = breaking.map(({ field, wanted }) => `${field} ${wanted}`).join(", ");
  return notFound(`no model meets the requirement ${each} together with ${before.join(", ")}`, breaking);
}

function notFound(message: string, unmet: readonly Requirement[]): LivellmError {
  const fields = [...new Set(unmet.map(({ field }) => field))].join(", ");
  const wanted = unmet.map((one) => one.wanted).join(", ");
  return new LivellmError("not_found", "not_found", message, { metadata: { requirement: fields, wanted } });
}
