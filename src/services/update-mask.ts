import { type DescField, type DescMessage, isFieldSet, type MessageShape } from "@bufbuild/protobuf";
import { type FieldMask, StructSchema } from "@bufbuild/protobuf/wkt";
import type { Violation } from "../core/error.ts";
import { isJsonObject } from "../core/json.ts";

/** What an update may do with the fields of a resource, each by its name in JSON. */
export interface UpdatableFields<Desc extends DescMessage, Draft extends object> {
  readonly schema: Desc;
  /** They have the same names in the draft. */
  readonly changeable: readonly NameIn<Draft>[];
  /** Changeable, and never shown: `*` changes those that are set, so that what was read can be written back. */
  readonly secret?: readonly NameIn<Draft>[];
  readonly immutable: readonly string[];
  /** Output only, and the etag, which is compared and not written: they may be named, and nothing comes of it. */
  readonly ignored: readonly string[];
}

/** The fields an update changes, as paths in the contract's names, and what is wrong with the mask. */
export interface ChangedPaths {
  readonly paths: readonly string[];
  readonly violations: readonly Violation[];
}

/** How `update_mask` is read for one resource. */
export interface UpdateMask<Desc extends DescMessage, Draft extends object> {
  /**
   * What the mask names: fields, and of maps and structs also one entry, as `labels.team` or `settings.api`. Without a
   * mask (an empty one is none), what is set in the resource; `*` is everything.
   */
  read(given: MessageShape<Desc>, mask: FieldMask | undefined): ChangedPaths;
  /** The current draft with the changed fields from the given one. */
  merge(current: Draft, given: Draft, paths: readonly string[]): Draft;
  /**
   * Entries that neither the current nor the given draft has. Mostly it is the JSON form of masks that changed the name,
   * which turns capitals into underscores; a change that did not happen must not look as if it had.
   */
  missing(current: Draft, given: Draft, paths: readonly string[]): readonly Violation[];
}

/** Reads the masks of one resource, given its list of fields. */
export function createUpdateMask<Desc extends DescMessage, Draft extends object>(
  updatable: UpdatableFields<Desc, Draft>,
): UpdateMask<Desc, Draft> {
  const fields = maskedFields(updatable);
  const isSet = (given: MessageShape<Desc>) => (field: MaskedField) => isFieldSet(given, field.descriptor);
  const pathsOf = (given: MessageShape<Desc>, named: readonly string[]) => {
    const all = fields.filter((field) => !field.isSecret || isSet(given)(field));
    if (named.length === 0) return fields.filter(isSet(given)).map(pathOf);
    return named.flatMap((path) => (path === "*" ? all.map(pathOf) : [path]));
  };
  return {
    read(given, mask) {
      const paths = pathsOf(given, mask?.paths ?? []);
      const violations = paths.flatMap((path) => violationOf(path, fields, updatable) ?? []);
      return { paths: paths.filter((path) => placeOf(path, fields)), violations };
    },
    merge: (current, given, paths) =>
      paths.reduce((draft, path) => withPlace(draft, given, placeOf(path, fields)), current),
    missing: (current, given, paths) => {
      const places = paths.flatMap((path) => placeOf(path, fields) ?? []);
      return places.filter((place) => !hasPlace(current, place) && !hasPlace(given, place)).map(missingEntry);
    },
  };
}

/** A field that a mask may name. */
interface MaskedField<Name extends string = string> {
  readonly descriptor: DescField;
  readonly name: Name;
  readonly isSecret: boolean;
}

/** What a path names: a field, and the keys of one entry of it, none for the whole field. */
interface Place<Name extends string = string> {
  readonly field: Name;
  readonly keys: readonly string[];
}

type NameIn<Draft> = keyof Draft & string;

type Entries = Readonly<Record<string, unknown>>;

function maskedFields<Desc extends DescMessage, Draft extends object>(
  updatable: UpdatableFields<Desc, Draft>,
): readonly MaskedField<NameIn<Draft>>[] {
  const { schema, changeable, secret = [] } = updatable;
  return [...changeable, ...secret].map((name) => {
    const descriptor = schema.field[name];
    if (!descriptor) throw new Error(`${schema.typeName} has no field ${name}`);
    return { descriptor, name, isSecret: secret.includes(name) };
  });
}

function pathOf({ descriptor }: MaskedField): string {
  return descriptor.name;
}

/** Undefined for what cannot be changed. */
function placeOf<Name extends string>(path: string, fields: readonly MaskedField<Name>[]): Place<Name> | undefined {
  const field = fields.find((field) => pathOf(field) === headOf(path));
  if (!field) return undefined;
  if (path === headOf(path)) return { field: field.name, keys: [] };
  const keys = keysOf(path.slice(headOf(path).length + 1), field.descriptor);
  return keys.length > 0 && !keys.includes("") ? { field: field.name, keys } : undefined;
}

/** None in a field that has no entries. In maps the key may hold dots. */
function keysOf(rest: string, { fieldKind, message }: DescField): readonly string[] {
  if (fieldKind === "map") return [rest];
  return message?.typeName === StructSchema.typeName ? rest.split(".") : [];
}

function violationOf(
  path: string,
  fields: readonly MaskedField[],
  { schema, immutable, ignored }: Pick<UpdatableFields<DescMessage, object>, "schema" | "immutable" | "ignored">,
): Violation | undefined {
  const isIn = (names: readonly string[], path: string) => names.some((name) => schema.field[name]?.name === path);
  if (isIn(immutable, headOf(path))) return maskViolation(`${headOf(path)} cannot be changed`, "IMMUTABLE");
  if (isIn(ignored, path) || placeOf(path, fields)) return undefined;
  const inJson = schema.field[path];
  if (inJson) return maskViolation(`"${path}" is its name in JSON; in a binary mask it is "${inJson.name}"`, "UNKNOWN");
  const names = fields.map(({ name }) => name).join(", ");
  return maskViolation(`there is no field "${path}" to change; there are: ${names}, or * for all`, "UNKNOWN");
}

function withPlace<Draft extends object>(draft: Draft, given: Draft, place: Place<NameIn<Draft>> | undefined): Draft {
  if (!place) return draft;
  const { field, keys } = place;
  return { ...draft, [field]: keys.length === 0 ? given[field] : withEntry(draft[field], given[field], keys) };
}

function withEntry(current: unknown, given: unknown, [key = "", ...rest]: readonly string[]): Entries {
  const [into, from] = [entriesOf(current), entriesOf(given)];
  if (rest.length > 0) return { ...into, [key]: withEntry(into[key], from[key], rest) };
  const { [key]: _, ...others } = into;
  return Object.hasOwn(from, key) ? { ...others, [key]: from[key] } : others;
}

function hasPlace<Draft>(draft: Draft, { field, keys }: Place<NameIn<Draft>>): boolean {
  let value: unknown = draft[field];
  for (const key of keys) {
    if (!Object.hasOwn(entriesOf(value), key)) return false;
    value = entriesOf(value)[key];
  }
  return true;
}

function entriesOf(value: unknown): Entries {
  return isJsonObject(value) ? value : {};
}

function missingEntry({ field, keys }: Place): Violation {
  const path = [field, ...keys].join(".");
  return maskViolation(`there is no "${path}", neither now nor in the request; name ${field}`, "UNKNOWN");
}

function headOf(path: string): string {
  return path.split(".", 1)[0] ?? "";
}

function maskViolation(description: string, reason: Violation["reason"]): Violation {
  return { field: "updateMask", description, reason };
}
