import { isDeepStrictEqual } from "node:util";
import { invalidRequest, type Violation } from "../core/error.ts";
import type { JsonObject } from "../core/json.ts";
import { Secret } from "../core/secret.ts";
import { operatorEvent } from "./audit-store.ts";
import type { ExportDocument } from "./export-document.ts";
import { findFormViolations } from "./export-form.ts";
import { openExport } from "./export-secrets.ts";
import { providerOf, routeOf, tokenOf } from "./exported-drafts.ts";
import type { ImportedResource, ImportedResources } from "./import-resources.ts";
import type { Sealer } from "./sealing.ts";
import type { Store } from "./sql-store.ts";

export interface ImportOptions {
  /** For an export that is sealed with one. */
  readonly passphrase?: Secret;
  /** What becomes of a resource that is there with other content; refused when unset. */
  readonly existing?: "refuse" | "replace";
  /** Only tells what would be done. */
  readonly checkOnly?: boolean;
  /** What is wrong with a provider's kind and settings, with paths that begin with `provider`; not asked when unset. */
  readonly checkSettings?: (kind: string, settings: JsonObject) => readonly Violation[];
}

/** Of one kind of resource: how many were new, took the place of others, or were there already. */
export interface ImportCounts {
  readonly created: number;
  readonly replaced: number;
  readonly unchanged: number;
}

/** What an import has done, or would do. */
export type ImportReport = Readonly<Record<keyof ImportedResources, ImportCounts>>;

/**
 * Writes all of an export into a store, or nothing. What the store has and the export does not stays. Throws
 * `invalid_argument` with every mistake there is, `failed_precondition` for secrets that cannot be opened, and `aborted` or
 * `already_exists` when somebody changes the same resources meanwhile.
 */
export async function importStore(store: Store, document: unknown, options: ImportOptions = {}): Promise<ImportReport> {
  refuse(findFormViolations(document));
  const exported = document as ExportDocument;
  const sealer = await openExport(exported.secrets, { storeSealer: store.sealer, passphrase: options.passphrase });
  const { resources, violations } = readResources(exported, sealer, options);
  const plan = await planned(store, resources, options.existing ?? "refuse");
  refuse([...violations, ...plan.violations]);
  if (!options.checkOnly) await write(store, plan);
  return plan.report;
}

function refuse(violations: readonly Violation[]): void {
  if (violations.length > 0) throw invalidRequest(violations);
}

function readResources(
  { providers, routes, tokens }: ExportDocument,
  sealer: Sealer | undefined,
  { checkSettings = () => [] }: ImportOptions,
): { readonly resources: ImportedResources; readonly violations: readonly Violation[] } {
  const opened = providers.map((provider) => providerOf(provider, sealer));
  const unopened = opened.flatMap((provider, i) =>
    provider ? [] : [violation(`providers[${i}].secrets`, unreadable)],
  );
  const ofSettings = providers.flatMap(({ kind, settings = {} }, i) =>
    checkSettings(kind, settings).map((each) => ({
      ...each,
      field: each.field.replace(/^provider/, `providers[${i}]`),
    })),
  );
  const repeated = [
    ...findRepeated(
      "providers",
      "id",
      providers.map(({ id }) => id),
    ),
    ...findRepeated(
      "routes",
      "name",
      routes.map(({ name }) => name),
    ),
    ...findRepeated(
      "tokens",
      "id",
      tokens.map(({ id }) => id),
    ),
  ];
  return {
    resources: {
      providers: opened.flatMap((provider) => provider ?? []),
      routes: routes.map(routeOf),
      tokens: tokens.map(tokenOf),
    },
    violations: [...unopened, ...ofSettings, ...repeated],
  };
}

const unreadable = "were sealed for another provider, or have been changed, or are not sealed as the export says";

function findRepeated(list: string, key: string, names: readonly string[]): readonly Violation[] {
  return names.flatMap((name, i) =>
    names.indexOf(name) < i ? [violation(`${list}[${i}].${key}`, `is that of ${list}[${names.indexOf(name)}]`)] : [],
  );
}

function violation(field: string, description: string): Violation {
  return { field, description, reason: "CONFLICT" };
}

interface Plan {
  readonly changes: ImportedResources;
  readonly report: ImportReport;
  readonly violations: readonly Violation[];
}

async function planned(store: Store, wanted: ImportedResources, existing: "refuse" | "replace"): Promise<Plan> {
  const providers = compared(wanted.providers, await store.list(), ({ id }) => id);
  const routes = compared(wanted.routes, await store.routes.list(), ({ name }) => name);
  const tokens = compared(wanted.tokens, await store.tokens.list(), ({ id }) => id);
  const all = { providers, routes, tokens };
  return {
    changes: { providers: providers.changes, routes: routes.changes, tokens: tokens.changes },
    report: { providers: providers.counts, routes: routes.counts, tokens: tokens.counts },
    violations: existing === "replace" ? [] : Object.entries(all).flatMap(([list, { taken }]) => refusals(list, taken)),
  };
}

function refusals(list: string, taken: readonly string[]): readonly Violation[] {
  return taken.map((name) =>
    violation(list, `"${name}" is there already, with other content: replace it, or leave it out`),
  );
}

/** What has to be written, where it differs from what is there. */
function compared<Draft extends object>(
  wanted: readonly ImportedResource<Draft>[],
  there: readonly (NoInfer<Draft> & { readonly revision: string })[],
  nameOf: (draft: Draft) => string,
) {
  const known = new Map(there.map((resource) => [nameOf(resource), resource]));
  const all = wanted.map((each) => ({ ...each, known: known.get(nameOf(each.draft)) }));
  const differing = all.filter((each) => each.known === undefined || !isSame(each.draft, each.known));
  const changes = differing.map(({ known, ...each }) => (known ? { ...each, replaces: known.revision } : each));
  const taken = differing.flatMap(({ known }) => (known ? [nameOf(known)] : []));
  const counts: ImportCounts = {
    created: changes.length - taken.length,
    replaced: taken.length,
    unchanged: all.length - differing.length,
  };
  return { changes, taken, counts };
}

/** Whether what is kept says all that the draft does; what only the store decides is not compared. */
function isSame(draft: object, known: object): boolean {
  const { readOnly, createTime, updateTime, lastUseTime, revision, ...content } = known as Record<string, unknown>;
  return isDeepStrictEqual(comparable(draft), comparable(content));
}

/** In a form that can be compared: secrets by what they are. */
function comparable(value: unknown): unknown {
  if (value instanceof Secret) return value.reveal();
  if (value instanceof Date) return value.getTime();
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, comparable(item)]));
}

async function write(store: Store, { changes, report }: Plan): Promise<void> {
  const written = Object.entries(report).map(([list, { created, replaced }]) => [list, created + replaced] as const);
  if (written.every(([, count]) => count === 0)) return;
  await store.import(changes);
  await store.audit.append(operatorEvent("import", written.map(([list, count]) => `${count} ${list}`).join(", ")));
}
