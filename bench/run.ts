// Measures the gateway against its goals and its peers, and writes results.md, results.svg and the README's figures. They are
// for the product as it ships. `--smoke` shows in two minutes that everything runs, `--rows=1,3` measures some rows; neither
// writes.
import { execFileSync } from "node:child_process";
import path from "node:path";
import { goals } from "./goals.ts";
import { busyWarning, watchMachine } from "./machine-load.ts";
import { installPeers } from "./peers.ts";
import { distFolder, loadCore } from "./relays.ts";
import { type Verdict, writeReport } from "./report.ts";
import type { Extent } from "./rows.ts";

const smoke = process.argv.includes("--smoke");
const only = process.argv
  .find((word) => word.startsWith("--rows="))
  ?.slice("--rows=".length)
  .split(",")
  .map(Number);
const begin = performance.now();
const extent: Extent = {
  rounds: smoke ? 1 : 5,
  seconds: smoke ? 0.5 : 2,
  warmSeconds: smoke ? 0.3 : 3,
  memoryStreams: smoke ? 200 : 1_000,
  liveSessions: smoke ? 50 : 1_000,
  say: (what) => process.stderr.write(`${((performance.now() - begin) / 1000).toFixed(0).padStart(5)} s  ${what}\n`),
};

execFileSync("taskset", ["-a", "-cp", String(loadCore), String(process.pid)], { stdio: "ignore" });
installPeers();
build();

const verdicts: Verdict[] = [];
const figures: (readonly string[])[] = [];
const notes: string[] = [];
const machineLoad = watchMachine();
const wanted = goals.filter(({ rows }) => !only || rows.some((row) => only.includes(row)));
for (const [i, goal] of wanted.entries()) {
  extent.say(`— ${i + 1} of ${wanted.length}, row ${goal.rows.join(", ")}: ${goal.title}`);
  const found = await goal.measure(extent);
  verdicts.push(...found.verdicts);
  figures.push(...found.figures);
  notes.push(...(found.notes ?? []));
  for (const { row, what, goal: bound, measured, share } of found.verdicts) {
    extent.say(`  ${share <= 1 ? "met   " : "MISSED"} ${row}. ${what}: ${measured} (goal ${bound})`);
  }
}
const load = machineLoad();
const warning = busyWarning(load);
if (warning) extent.say(warning);
if (!smoke && !only) writeReport({ verdicts, figures, rounds: extent.rounds, notes, load });

/** A build of its own: another one may be in use. */
function build(): void {
  const root = path.resolve(import.meta.dirname, "..");
  execFileSync(
    path.join(root, "node_modules/.bin/tsc"),
    ["-p", path.join(import.meta.dirname, "tsconfig.json"), "--outDir", distFolder],
    { cwd: root, stdio: "inherit" },
  );
}
