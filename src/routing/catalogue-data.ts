import { isJsonObject, type JsonObject } from "../core/json.ts";
import type { ModelDescription } from "../core/models.ts";

/** The catalogue file, read. */
export interface CatalogueData {
  readonly kinds: Readonly<Record<string, { readonly local: "always" | "loopback" }>>;
  readonly models: readonly CatalogueEntry[];
}

/** A model of every provider of a kind, or of one provider. */
export interface CatalogueEntry {
  readonly kind?: string;
  readonly provider?: string;
  readonly id: string;
  /** True when the provider has it and does not list it. */
  readonly unlisted: boolean;
  readonly description: ModelDescription;
}

/** Reads a catalogue. Throws a RangeError that names the entry and the field that is wrong. */
export function parseCatalogue(value: unknown): CatalogueData {
  if (!isJsonObject(value)) throw new RangeError("it must be a JSON object with a list of models");
  const { kinds = {}, models = [] } = value;
  if (!Array.isArray(models)) throw new RangeError("models must be a list");
  return { kinds: readKinds(kinds), models: models.map(readEntry) };
}

function readKinds(value: unknown): CatalogueData["kinds"] {
  const entries = Object.entries(isJsonObject(value) ? value : {});
  return Object.fromEntries(
    entries.map(([kind, facts]) => [kind, { local: word("always", "loopback")(`kinds.${kind}`, readLocal(facts)) }]),
  );
}

function readLocal(facts: unknown): unknown {
  return isJsonObject(facts) ? facts.local : undefined;
}

function readEntry(value: unknown, position: number): CatalogueEntry {
  const where = `models[${position}]`;
  if (!isJsonObject(value)) throw new RangeError(`${where} must be an object`);
  const { kind, provider, id, unlisted = false, ...facts } = value;
  if (typeof kind !== "string" && typeof provider !== "string") {
    throw new RangeError(`${where} must name a kind or a provider`);
  }
  return {
    ...(typeof kind === "string" && { kind }),
    ...(typeof provider === "string" && { provider }),
    id: text(`${where}.id`, id),
    unlisted: flag(`${where}.unlisted`, unlisted),
    description: readDescription(facts, where),
  };
}

type Reader<T> = (where: string, value: unknown) => T;

const text: Reader<string> = (where, value) => {
  if (typeof value === "string" && value !== "") return value;
  throw new RangeError(`${where} must be a text`);
};
const flag: Reader<boolean> = (where, value) => {
  if (typeof value === "boolean") return value;
  throw new RangeError(`${where} must be true or false`);
};
const amount: Reader<number> = (where, value) => {
  if (typeof value === "number" && Number.isFinite(value) && value >= 0) return value;
  throw new RangeError(`${where} must be a number of at least 0`);
};
const count: Reader<number> = (where, value) => {
  if (Number.isInteger(amount(where, value)) && Number(value) <= 2 ** 31 - 1) return Number(value);
  throw new RangeError(`${where} must be a whole number`);
};
const time: Reader<Date> = (where, value) => {
  const date = new Date(typeof value === "string" ? value : Number.NaN);
  if (!Number.isNaN(date.getTime())) return date;
  throw new RangeError(`${where} must be a date such as 2027-01-14`);
};
const object: Reader<JsonObject> = (where, value) => {
  if (isJsonObject(value)) return value;
  throw new RangeError(`${where} must be an object`);
};

function word<W extends string>(...words: readonly W[]): Reader<W> {
  return (where, value) => {
    const found = words.find((one) => one === value);
    if (found !== undefined) return found;
    throw new RangeError(`${where} must be one of ${words.join(", ")}`);
  };
}

function list<T>(read: Reader<T>): Reader<readonly T[]> {
  return (where, value) => {
    if (Array.isArray(value)) return value.map((item, i) => read(`${where}[${i}]`, item));
    throw new RangeError(`${where} must be a list`);
  };
}

function record<T extends object>(readers: { readonly [K in keyof T]-?: Reader<NonNullable<T[K]>> }): Reader<T> {
  const known = new Map<string, Reader<unknown>>(Object.entries(readers));
  return (where, value) => {
    const entries = Object.entries(object(where, value)).map(([key, item]) => {
      const read = known.get(key);
      if (!read) throw new RangeError(`${where}.${key} is not known; there are ${[...known.keys()].join(", ")}`);
      return [key, read(`${where}.${key}`, item)] as const;
    });
    return Object.fromEntries(entries) as T; // every key has been read by the reader of that key
  };
}

const modality = word("text", "image", "audio", "video", "document");
const capability = word(
  "agent",
  "speak",
  "speak_duplex",
  "transcribe",
  "transcribe_stream",
  "generate_image",
  "edit_image",
  "live",
);
const feature = word("tools", "json_schema", "reasoning", "web_search", "code_execution");

const description = record<ModelDescription>({
  displayName: text,
  aliases: list(text),
  capabilities: list(capability),
  features: list(feature),
  inputModalities: list(modality),
  outputModalities: list(modality),
  contextWindow: count,
  maxOutputTokens: count,
  languageCodes: list(text),
  local: flag,
  pricing: record({
    inputUsdPerMtok: amount,
    cachedInputUsdPerMtok: amount,
    outputUsdPerMtok: amount,
    audioUsdPerMinute: amount,
    usdPerMchar: amount,
    usdPerImage: amount,
  }),
  retireTime: time,
  metadata: object,
});

function readDescription(facts: JsonObject, where: string): ModelDescription {
  return description(where, facts);
}
