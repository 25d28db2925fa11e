import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { busyWarning, type MachineLoad } from "./machine-load.ts";
import { peerVersions } from "./peers.ts";
import { writeReadme } from "./readme.ts";

/** One goal and what was measured. */
export interface Verdict {
  /** The row of the goals. */
  readonly row: number;
  readonly what: string;
  /** A bound on `measured`. */
  readonly goal: string;
  readonly measured: string;
  /** How far it is to the bound: 1 is just met, less is better. */
  readonly share: number;
}

/** A bound from above: at most so much. */
export function atMost(limit: number, value: number): { readonly share: number } {
  return { share: value / limit };
}

/** A bound from below: at least so much. */
export function atLeast(limit: number, value: number): { readonly share: number } {
  return { share: limit / value };
}

export interface Report {
  readonly verdicts: readonly Verdict[];
  /** Every figure, a line of a table each. */
  readonly figures: readonly (readonly string[])[];
  readonly rounds: number;
  readonly notes: readonly string[];
  readonly load: MachineLoad;
}

/** Writes results.md and results.svg beside this file, and the figures of the README. */
export function writeReport(report: Report): void {
  const warning = busyWarning(report.load);
  writeFileSync(path.join(import.meta.dirname, "results.md"), markdown(report, warning));
  writeFileSync(path.join(import.meta.dirname, "results.svg"), plot(report.verdicts));
  writeReadme(report.verdicts, `On ${machine()}; all figures are in [bench/results.md](bench/results.md).`, warning);
}

/** What it ran on, and when. */
function machine(): string {
  const [cpu] = os.cpus();
  const memory = `${Math.round(os.totalmem() / 1024 ** 3)} GiB`;
  return `${os.cpus().length} × ${cpu?.model.trim()}, ${memory}, node ${process.version}, ${new Date().toISOString().slice(0, 10)}`;
}

function markdown({ verdicts, figures, rounds, notes, load }: Report, warning: string | undefined): string {
  const [before, after] = load.loadAverages;
  return [
    "# Results of `npm run bench`",
    "",
    `${machine()} · ${os.type()} ${os.release()} · ${revision()}`,
    "",
    `Load average at the beginning ${before.toFixed(1)}, at the end ${after.toFixed(1)} (the bench alone makes about 2); other programs had ${(load.others * 100).toFixed(0)} % of the cores' time.`,
    ...(warning ? ["", warning] : []),
    "",
    `Peers: ${peerVersions().join(", ")}. Medians of ${rounds} interleaved rounds; what is measured is pinned to core 0, the mock vendor and the load generator to core 1. Every call's status was checked. CPU is utime + stime of the process under test.`,
    "",
    "![share of each goal](results.svg)",
    "",
    "| # | what | goal | measured | met |",
    "|---|---|---|---|---|",
    ...verdicts.map(
      ({ row, what, goal, measured, share }) =>
        `| ${row} | ${what} | ${goal} | ${measured} | ${share <= 1 ? "yes" : "**no**"} |`,
    ),
    "",
    "## Figures",
    "",
    "| case | program | per second | µs CPU each | p50 ms | p99 ms | its core | load's core |",
    "|---|---|---|---|---|---|---|---|",
    ...figures.map((cells) => `| ${cells.join(" | ")} |`),
    "",
    ...notes.map((note) => `- ${note}`),
    "",
  ].join("\n");
}

function revision(): string {
  try {
    const commit = git("rev-parse", "--short", "HEAD");
    return `commit ${commit}${git("status", "--porcelain") === "" ? "" : " and what was not yet committed"}`;
  } catch {
    return "no commit";
  }
}

function git(...args: readonly string[]): string {
  return execFileSync("git", args, { encoding: "utf8" }).trim();
}

const rowHeight = 26;
const left = 330;
const unit = 260;

/** A bar for each goal: how much of what is allowed was used. The line is the goal. */
function plot(verdicts: readonly Verdict[]): string {
  const height = verdicts.length * rowHeight + 40;
  const bars = verdicts.map(({ row, what, share }, i) => {
    const y = 30 + i * rowHeight;
    const width = Math.min(share, 1.6) * unit;
    return [
      `<text x="${left - 8}" y="${y + 13}" text-anchor="end">${row}. ${escaped(what)}</text>`,
      `<rect x="${left}" y="${y}" width="${width.toFixed(0)}" height="18" fill="${share <= 1 ? "#2e7d32" : "#c62828"}"/>`,
      `<text x="${left + width + 6}" y="${y + 13}">${share.toFixed(2)}</text>`,
    ].join("\n");
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${left + unit * 1.8}" height="${height}" font-family="sans-serif" font-size="12">
<title>Share of each speed goal that was used</title>
<rect width="100%" height="100%" fill="#fff"/>
<text x="${left}" y="18">share of what each goal allows; left of the line is met</text>
${bars.join("\n")}
<line x1="${left + unit}" x2="${left + unit}" y1="24" y2="${height - 8}" stroke="#000" stroke-dasharray="4 3"/>
</svg>
`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
