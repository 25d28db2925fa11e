// Looks at what production installs: licences, from the packages themselves, and known vulnerabilities, where the registry
// tells of them. `npm run audit`; ends with 1 when a licence is not allowed, or a vulnerability is high or critical.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { type InstalledPackage, refusedLicences } from "./licences.ts";

interface LockedPackage {
  readonly version?: string;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly optional?: boolean;
  readonly link?: boolean;
}

interface Manifest {
  readonly license?: unknown;
  readonly licenses?: readonly { readonly type: string }[];
}

interface AuditReport {
  readonly metadata?: { readonly vulnerabilities?: Readonly<Record<string, number>> };
  readonly vulnerabilities?: Readonly<Record<string, { readonly severity: string; readonly range: string }>>;
  readonly message?: string;
}

const root = path.join(import.meta.dirname, "..");
const packages = productionPackages();
const faults = [...refusedLicences(packages), ...knownVulnerabilities()];
console.log(`${packages.length} packages in production, licences: ${countLicences(packages)}`);
for (const fault of faults) console.error(`not allowed: ${fault}`);
process.exitCode = faults.length > 0 ? 1 : 0;

/**
 * Everything in the lockfile that is neither for development nor a folder of this repository. What is left out because it
 * is optional is the same for another platform.
 */
function productionPackages(): readonly InstalledPackage[] {
  const lock = readJson(path.join(root, "package-lock.json")) as {
    readonly packages: Readonly<Record<string, LockedPackage>>;
  };
  return Object.entries(lock.packages)
    .filter(([where, { dev, devOptional, link }]) => where.startsWith("node_modules/") && !dev && !devOptional && !link)
    .filter(([where, { optional }]) => !optional || existsSync(path.join(root, where)))
    .map(([where, { version = "" }]) => readPackage(where, version));
}

function readPackage(where: string, version: string): InstalledPackage {
  const file = path.join(root, where, "package.json");
  if (!existsSync(file)) throw new Error(`${where} is not installed: run npm ci first`);
  const name = where.slice(where.lastIndexOf("node_modules/") + "node_modules/".length);
  return { name, version, licence: licenceOf(readJson(file) as Manifest) };
}

/** Old packages have a list: one to choose from (npm's documentation of package.json, "license"). */
function licenceOf({ license, licenses }: Manifest): string {
  if (typeof license === "string") return license;
  return (licenses ?? []).map(({ type }) => type).join(" OR ");
}

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(file, "utf8"));
}

/** Some mirrors of the registry do not answer this question; that is said, and is no fault of the packages. */
function knownVulnerabilities(): readonly string[] {
  const args = ["audit", "--omit", "dev", "--json"];
  const { stdout } = spawnSync("npm", args, { cwd: root, encoding: "utf8", timeout: 60_000 });
  const report = parseReport(stdout);
  if (report?.metadata?.vulnerabilities === undefined) {
    console.log("known vulnerabilities: not looked at, the registry does not tell of them here");
    return [];
  }
  console.log(`known vulnerabilities: ${JSON.stringify(report.metadata.vulnerabilities)}`);
  return Object.entries(report.vulnerabilities ?? {})
    .filter(([, { severity }]) => severity === "high" || severity === "critical")
    .map(([name, { severity, range }]) => `${name} ${range}: known vulnerability, ${severity}`);
}

function parseReport(text: string): AuditReport | undefined {
  try {
    return JSON.parse(text) as AuditReport;
  } catch {
    return undefined; // npm that could not reach anybody writes no report
  }
}

function countLicences(all: readonly InstalledPackage[]): string {
  const byLicence = Object.groupBy(all, ({ licence }) => licence);
  return Object.entries(byLicence)
    .map(([licence, some]) => `${licence} ${some?.length ?? 0}`)
    .toSorted()
    .join(", ");
}
